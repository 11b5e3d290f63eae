import Platform
import Testing

@testable import Egress

@Suite("What a run asks the proxy for, and what it may reach")
struct EgressRequestTests {
    private func read(_ lines: String...) throws -> EgressRequest {
        try EgressRequest(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)[...])
    }

    @Test("a tunnel is asked for by name and port, with the run's token")
    func tunnel() throws {
        let request = try read("CONNECT Example.org:443 HTTP/1.1", "Host: example.org:443", "Proxy-Authorization: Basic cnVuOnRva2Vu")
        #expect(request.host == "Example.org" && request.port == 443)
        #expect(request.isTunnel && request.opening.isEmpty)
        #expect(request.credential.map { String(decoding: $0, as: UTF8.self) } == "run:token")
        #expect(try read("CONNECT [2606:4700::1]:443 HTTP/1.1").host == "2606:4700::1")
    }

    @Test("a plain request is passed on in its own form, without what is the proxy's")
    func plain() throws {
        let request = try read(
            "GET http://example.org:8080/a?b HTTP/1.1", "Host: other", "Proxy-Authorization: Basic cnVuOnRva2Vu",
            "Proxy-Connection: keep-alive", "Accept: */*")
        #expect(request.host == "example.org" && request.port == 8080)
        #expect(
            String(decoding: request.opening, as: UTF8.self)
                == "GET /a?b HTTP/1.1\r\nHost: example.org:8080\r\nConnection: close\r\nAccept: */*\r\n\r\n")
        #expect(try read("GET http://example.org?q HTTP/1.1").opening.starts(with: "GET /?q HTTP/1.1\r\n".utf8))
        #expect(try read("GET http://example.org HTTP/1.1").port == 80)
    }

    @Test(
        "what is not such a request is refused",
        arguments: [
            "GET / HTTP/1.1", "GET https://example.org/ HTTP/1.1", "CONNECT example.org HTTP/1.1", "CONNECT :443 HTTP/1.1",
            "CONNECT a@b:443 HTTP/1.1", "CONNECT example.org:0 HTTP/1.1", "CONNECT example.org:65536 HTTP/1.1",
            "CONNECT example.org:+443 HTTP/1.1", "GET http://user@example.org/ HTTP/1.1", "GET http://a%2eb/ HTTP/1.1",
            "get http://a/ HTTP/1.1", "GET http://a/ HTTP/2", "GET  http://a/ HTTP/1.1", "CONNECT [::1:443 HTTP/1.1",
            "CONNECT a:443 HTTP/1.1\r\nno field", "CONNECT a:443 HTTP/1.1\r\n: x", "CONNECT a:443 HTTP/1.1\nX: y",
            "CONNECT a:443 HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\nProxy-Authorization: Basic eDp5",
        ])
    func malformed(line: String) {
        #expect(throws: EgressRequest.Fault.self) { try read(line) }
    }

    @Test("a head ends at its empty line and not before")
    func end() {
        let bytes = Array("CONNECT a:1 HTTP/1.1\r\nA: b\r\n\r\nrest".utf8)
        #expect(EgressRequest.end(in: bytes) == bytes.count - 4)
        #expect(EgressRequest.end(in: Array(bytes.dropLast(5))) == nil)
        #expect(EgressRequest.end(in: []) == nil)
    }

    @Test(
        "hosts are matched as they are listed, all below one by a star",
        arguments: [
            ("example.org", 443, true), ("EXAMPLE.org.", 80, true), ("www.example.org", 443, false), ("example.org", 22, false),
            ("a.b.test", 443, true), ("b.test", 443, false), ("xb.test", 443, false), ("odd.test", 8443, true), ("odd.test", 443, false),
            ("example.org.evil.test", 443, false),
        ] as [(String, UInt16, Bool)])
    func hosts(host: String, port: UInt16, isOpen: Bool) {
        let rule = EgressRule(hosts: ["example.org", "*.b.test", "odd.test:8443"])
        #expect((rule.objection(to: host, port) == nil) == isOpen)
    }

    @Test("without a list any host is open at the usual ports")
    func anyHost() {
        #expect(EgressRule.anyHost.objection(to: "anything.test", 443) == nil)
        #expect(EgressRule.anyHost.objection(to: "anything.test", 25) == "port 25 is not open: only 80 and 443 are")
    }

    @Test(
        "what is not in the internet is no public address, in whatever form",
        arguments: [
            "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
            "100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::", "::1", "::ffff:127.0.0.1",
            "::ffff:169.254.169.254", "::127.0.0.1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1",
            "2002:7f00:1::1", "2001:0:1::1", "2001:db8::1",
        ])
    func closed(text: String) throws {
        #expect(!PublicAddress.isPublic(try #require(PeerAddress(text))))
    }

    @Test("other addresses are public", arguments: ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"])
    func open(text: String) throws {
        #expect(PublicAddress.isPublic(try #require(PeerAddress(text))))
    }

    @Test("this machine's own addresses are known")
    func own() throws {
        #expect(OwnAddresses.current.contains(try #require(PeerAddress("127.0.0.1"))))
    }
}
