import Server
import Testing

@testable import Gateway

@Suite("Serving over TLS", .timeLimit(.minutes(2)))
struct ServingTLSTests {
    @Test("HTTP/1.1 is served over TLS, pipelined turns and all")
    func http1() async throws {
        let client = try TLSClient(try await TestService.encrypted(), offering: "http/1.1")
        client.send(Array(RawClient.request("GET", "/health").utf8))
        #expect(try client.read(until: #""status":"ok""#).hasPrefix("HTTP/1.1 200 OK\r\n"))
        client.send(Array((RawClient.chat("standin:words 50", streams: true) + RawClient.chat("standin:echo second")).utf8))
        let all = try client.read(until: #""content":"second"#)
        #expect(all.contains("w50"))
        #expect(all.contains("data: [DONE]\n\n"))
    }

    @Test("HTTP/2 serves several streams of one connection at once")
    func http2() async throws {
        let client = try TLSClient(try await TestService.encrypted(), offering: "h2")
        client.send(Frames.opening + Frames.get("/health", on: 1))
        #expect(try client.read(until: #""status":"ok""#).contains(#""cli_version":"0.0.0""#))
        client.send(Frames.chat("standin:words 40", on: 3) + Frames.chat("standin:echo beside it", on: 5))
        let all = try client.read(until: "data: [DONE]\n\n", times: 2)
        #expect(all.contains("w40"))
        #expect(all.contains("beside "))
    }

    @Test("a head that never ends is not waited for longer than for any request, nor does it hold up the others")
    func http2UnfinishedHead() async throws {
        let service = try await TestService.encrypted { $0.limits.http2IdleSeconds = 1 }
        let client = try TLSClient(service, offering: "h2")
        client.send(Frames.opening + Frames.unfinishedHead(on: 1))
        #expect(client.isEnded())
        let other = try TLSClient(service, offering: "h2")
        other.send(Frames.opening + Frames.get("/health", on: 1))
        #expect(try other.read(until: #""status":"ok""#).contains("uptime_seconds"))
    }

    @Test("a stream that the client resets takes its process with it and leaves the others alone")
    func http2Reset() async throws {
        let watch = try ChildWatch()
        let path = watch.path
        let service = try await TestService.encrypted {
            $0.maxRunning = 1
            $0.script = "exec 9>\(path)\necho >&9\nexec \"$STANDIN\" \"$@\""
        }
        let client = try TLSClient(service, offering: "h2")
        client.send(Frames.opening + Frames.chat("standin:stall", on: 1))
        _ = try client.read(until: "d0")
        #expect(watch.hasBegun())
        client.send(Frames.reset(1))
        #expect(watch.isGone())
        client.send(Frames.chat("standin:echo next one", on: 3))
        #expect(try client.read(until: "data: [DONE]").contains("next "))
        #expect(service.site.events.counts.streamsReset == 1)
    }
}
