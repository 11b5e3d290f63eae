import Platform
import Testing

@testable import Relay

@Suite("What the relay passes on")
struct RelayTests {
    private func head(_ token: String, _ path: String = "/v1/messages", _ fields: String...) -> String {
        (["POST \(path) HTTP/1.1", "Host: 127.0.0.1", "X-Api-Key: \(token)"] + fields + ["", ""]).joined(separator: "\r\n")
    }

    @Test("a request comes with the operator's credential and is else as the child sent it")
    func passesOn() throws {
        let bench = try Bench()
        let token = bench.token()
        let child = try bench.child()
        child.send(
            head(token.text, "/v1/messages?beta=true", "X-Custom: One, Two", "Connection: keep-alive, x-gone", "X-Gone: 1",
                "Content-Length: 5") + "hello")
        let vendor = try bench.vendor.accept()
        #expect(
            vendor.take(until: "hello")
                == "POST /v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:\(bench.vendor.port)\r\nX-Api-Key: the-key\r\n"
                + "X-Custom: One, Two\r\nContent-Length: 5\r\n\r\nhello")
        vendor.send("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nanthropic-ratelimit-x: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nno")
        #expect(child.take(until: "\r\n\r\nno") == "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nanthropic-ratelimit-x: 1\r\nContent-Length: 2\r\n\r\nno")
        // Both connections go on.
        child.send(head(token.text, "/v1/next", "Content-Length: 0"))
        #expect(vendor.take(until: "\r\n\r\n").hasPrefix("POST /v1/next HTTP/1.1\r\n"))
        vendor.send("HTTP/1.1 204 No\r\n\r\n")
        #expect(child.take(until: "\r\n\r\n") == "HTTP/1.1 204 No\r\n\r\n")
        #expect(bench.relay.events.count(.forwarded) >= 1)
    }

    @Test("each field of a login takes the place of its token, and others are left out")
    func bearer() throws {
        let bench = try Bench()
        let token = bench.token(key: nil, bearer: "the-token")
        let child = try bench.child()
        child.send("GET /a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(token.text)\r\nx-api-key: \(token.text)\r\n\r\n")
        let vendor = try bench.vendor.accept()
        #expect(
            vendor.take(until: "\r\n\r\n")
                == "GET /a HTTP/1.1\r\nHost: 127.0.0.1:\(bench.vendor.port)\r\nauthorization: Bearer the-token\r\n\r\n")
    }

    @Test("every piece of a stream is passed on before the next one is there, chunks as they came")
    func streams() throws {
        let bench = try Bench()
        let token = bench.token()
        let child = try bench.child()
        child.send(head(token.text, "/v1/messages", "Content-Length: 0"))
        let vendor = try bench.vendor.accept()
        _ = vendor.take(until: "\r\n\r\n")
        vendor.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(child.take(until: "\r\n\r\n") == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in ["5\r\ndata:", "\r\n", "3;x=y\r\nabc\r\n", "0\r\nTrailer: 1\r\n\r\n"] {
            vendor.send(piece)
            #expect(child.take(piece.utf8.count) == Array(piece.utf8))
        }
    }

    @Test("a large body goes through in both directions although nobody reads it for a while")
    func backpressure() throws {
        let bench = try Bench()
        let token = bench.token()
        let child = try bench.child()
        let body = [UInt8](repeating: 0x61, count: 8 << 20)
        child.send(head(token.text, "/v1/messages", "Transfer-Encoding: chunked"))
        let vendor = try bench.vendor.accept()
        #expect(vendor.take(until: "\r\n\r\n").contains("Transfer-Encoding: chunked"))
        let sender = Sender(child, Array("800000\r\n".utf8) + body + Array("\r\n0\r\n\r\n".utf8))
        #expect(vendor.take(8 + body.count + 7).count == 8 + body.count + 7)
        sender.wait()
        vendor.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
        let answerer = Sender(vendor, body)
        _ = child.take(until: "\r\n\r\n")
        #expect(child.take(body.count) == body)
        answerer.wait()
    }

    @Test("a body that waits for leave to be sent is given it")
    func expectation() throws {
        let bench = try Bench()
        let token = bench.token()
        let child = try bench.child()
        child.send(head(token.text, "/v1/messages", "Expect: 100-continue", "Content-Length: 2"))
        let vendor = try bench.vendor.accept()
        #expect(!vendor.take(until: "\r\n\r\n").lowercased().contains("expect"))
        #expect(child.take(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        child.send("ok")
        #expect(vendor.take(2) == Array("ok".utf8))
        vendor.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(child.take(until: "\r\n\r\n") == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }

    @Test("an answer without a length ends with the connection, on both sides")
    func untilEnd() throws {
        let bench = try Bench()
        let token = bench.token()
        let child = try bench.child()
        child.send(head(token.text, "/v1/messages", "Content-Length: 0"))
        let vendor = try bench.vendor.accept()
        _ = vendor.take(until: "\r\n\r\n")
        vendor.send("HTTP/1.1 200 OK\r\n\r\nall of it")
        vendor.close()
        #expect(child.rest() == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
    }

    @Test("whoever leaves in the middle ends the other side too", arguments: [true, false])
    func departures(vendorLeaves: Bool) throws {
        let bench = try Bench()
        let token = bench.token()
        let child = try bench.child()
        child.send(head(token.text, "/v1/messages", "Content-Length: 0"))
        let vendor = try bench.vendor.accept()
        _ = vendor.take(until: "\r\n\r\n")
        vendor.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        #expect(child.take(until: "part").hasSuffix("part"))
        if vendorLeaves {
            vendor.reset()
            #expect(child.rest().isEmpty)
        } else {
            child.close()
            #expect(vendor.rest().isEmpty)
        }
    }

    @Test(
        "an answer that could be read in two ways ends the connection",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\nX: y\n\n",
            "HTTP/1.1 101 Switch\r\n\r\n", "HTTP/2 200\r\n\r\n",
        ])
    func ambiguous(answer: String) throws {
        let bench = try Bench()
        let token = bench.token()
        let child = try bench.child()
        child.send(head(token.text, "/v1/messages", "Content-Length: 0"))
        let vendor = try bench.vendor.accept()
        _ = vendor.take(until: "\r\n\r\n")
        vendor.send(answer)
        #expect(child.rest().isEmpty && vendor.rest().isEmpty)
    }

    @Test("without a token that is known nothing is asked of anybody", arguments: ["", "portcullis-child-00", "the-key"])
    func unknown(token: String) throws {
        let bench = try Bench()
        let known = bench.token()
        let child = try bench.child()
        child.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\n" + (token.isEmpty ? "" : "x-api-key: \(token)\r\n") + "\r\n")
        let answer = child.rest()
        #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.contains("\"permission_error\""))
        #expect(bench.relay.events.count(.refused) == 1 && bench.relay.book.count == 1)
        withExtendedLifetime(known) {}
    }

    @Test("two children's tokens in one request, and a path beside the login's, are refused")
    func mixed() throws {
        let bench = try Bench()
        let (one, other) = (bench.token(), bench.token(prefix: "/team"))
        let child = try bench.child()
        child.send("GET / HTTP/1.1\r\nhost: x\r\nx-api-key: \(one.text)\r\nauthorization: Bearer \(other.text)\r\n\r\n")
        #expect(child.rest().hasPrefix("HTTP/1.1 403 "))
        for path in ["/", "/teams", "/team/../x", "/team/%2e%2E/x"] {
            let child = try bench.child()
            child.send(head(other.text, path))
            #expect(child.rest().hasPrefix("HTTP/1.1 403 "), "\(path)")
        }
    }

    @Test("a token is of no use once nobody keeps it")
    func revoked() throws {
        let bench = try Bench()
        let kept = bench.token()
        let text = {
            let token = bench.token()
            #expect(bench.relay.book.count == 2)
            return token.text
        }()
        #expect(bench.relay.book.count == 1)
        let child = try bench.child()
        child.send(head(text))
        #expect(child.rest().hasPrefix("HTTP/1.1 403 "))
        #expect(bench.relay.book.pass(of: Array(kept.text.utf8)[...]) != nil)
    }

    @Test("a vendor that cannot be reached is the end of the child's connection, and is told")
    func unreachable() throws {
        let bench = try Bench()
        let free = try Vendor().port
        let token = bench.token(port: free)
        let heard = Heard()
        bench.relay.events.onTrouble { heard.add($0) }
        let child = try bench.child()
        child.send(head(token.text, "/v1/messages", "Content-Length: 0"))
        #expect(child.rest().isEmpty)
        #expect(heard.all == ["127.0.0.1:\(free): connect: Connection refused"])
    }

    @Test("a connection without a request, or with half of one, is not kept for ever")
    func deadlines() throws {
        var limits = RelayLimits()
        limits.idle = Milliseconds(50)
        limits.head = Milliseconds(50)
        let bench = try Bench(limits)
        let (idle, slow) = (try bench.child(), try bench.child())
        slow.send("POST / HT")
        #expect(idle.rest().isEmpty && slow.rest().isEmpty)
    }

    @Test("where there are too many connections the oldest without a token gives way to a newcomer")
    func crowds() throws {
        var limits = RelayLimits()
        limits.connections = 2
        let bench = try Bench(limits)
        let token = bench.token()
        let (first, second) = (try bench.child(), try bench.child())
        second.send(head(token.text, "/v1/messages", "Content-Length: 0"))
        let vendor = try bench.vendor.accept()
        #expect(vendor.take(until: "\r\n\r\n").hasPrefix("POST "))
        let third = try bench.child()
        #expect(first.rest().isEmpty)
        vendor.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(second.take(until: "ok").hasSuffix("ok"))
        third.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        #expect(third.rest().hasPrefix("HTTP/1.1 403 "))
    }

    @Test("one child has a bounded number of connections")
    func greed() throws {
        let bench = try Bench()
        let token = bench.token()
        var kept: [Peer] = []
        for _ in 0..<RelayPass.maximumConnections {
            let child = try bench.child()
            child.send(head(token.text, "/v1/messages", "Content-Length: 0"))
            kept.append(child)
            kept.append(try bench.vendor.accept())
            #expect(kept[kept.count - 1].take(until: "\r\n\r\n").hasPrefix("POST "))
        }
        let last = try bench.child()
        last.send(head(token.text, "/v1/messages", "Content-Length: 0"))
        #expect(last.rest().isEmpty)
    }

    @Test("a vendor that is silent for too long is given up")
    func silence() throws {
        var limits = RelayLimits()
        limits.silence = Milliseconds(50)
        let bench = try Bench(limits)
        let token = bench.token()
        let child = try bench.child()
        child.send(head(token.text, "/v1/messages", "Content-Length: 0"))
        let vendor = try bench.vendor.accept()
        #expect(child.rest().isEmpty && vendor.rest().hasPrefix("POST "))
    }

    @Test("a kept connection that the vendor has closed is not used again")
    func staleLink() throws {
        let bench = try Bench()
        let token = bench.token()
        for _ in 0..<2 {
            let child = try bench.child()
            child.send(head(token.text, "/v1/messages", "Content-Length: 0"))
            let vendor = try bench.vendor.accept()
            _ = vendor.take(until: "\r\n\r\n")
            vendor.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            #expect(child.take(until: "ok").hasSuffix("ok"))
            vendor.close()
        }
    }
}
