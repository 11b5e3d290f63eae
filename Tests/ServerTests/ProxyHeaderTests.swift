import Platform
import TLS
import TestSupport
import Testing

@testable import Server

@Suite("The header of the PROXY protocol, byte by byte")
struct ProxyHeaderTests {
    private static let signature: [UInt8] = Array("\r\n\r\n\u{0}\r\nQUIT\n".utf8)

    /// A header of version 2.
    static func binary(_ command: UInt8, _ family: UInt8, _ addresses: [UInt8], extra: [UInt8] = []) -> [UInt8] {
        let length = addresses.count + extra.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + addresses + extra
    }

    static let ipv4 = binary(0x21, 0x11, [203, 0, 113, 7, 127, 0, 0, 1, 0x30, 0x39, 0x01, 0xBB])
    private static let ipv6 = binary(
        0x21, 0x21, [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [9] + Array(repeating: 1, count: 20))

    /// Feeds a header as a socket would; returns the client, and how much of what follows was taken with it.
    private static func read(_ bytes: [UInt8], piece: Int) throws -> (client: String?, taken: Int) {
        var header = ProxyHeader()
        var start = 0
        while start < bytes.count {
            let part = bytes[start..<min(bytes.count, start + min(piece, header.wanted))]
            start += part.count
            if try header.take(part) { return (header.client?.text, start) }
        }
        return ("incomplete", start)
    }

    @Test("whoever is named is the client, however the header is torn, and no byte behind it is taken", arguments: [1, 2, 5, 13, 4096])
    func clients(piece: Int) throws {
        let tlvs = [UInt8](repeating: 4, count: 300)
        let headers: [([UInt8], String?)] = [
            (Self.ipv4, "203.0.113.7"), (Self.ipv6, "2001:db8::9"),
            (Self.binary(0x21, 0x11, [10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], extra: tlvs), "10.0.0.1"),
            (Self.binary(0x20, 0x00, []), nil), (Self.binary(0x20, 0x11, [], extra: tlvs), nil),
            (Self.binary(0x21, 0x00, [], extra: tlvs), nil),
            (Self.binary(0x21, 0x31, [UInt8](repeating: 0x2F, count: 216)), nil),
            (Array("PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\n".utf8), "192.0.2.1"),
            (Array("PROXY TCP6 2001:db8::1 ::1 1 2\r\n".utf8), "2001:db8::1"),
            (Array("PROXY UNKNOWN\r\n".utf8), nil), (Array("PROXY UNKNOWN what ever\r\n".utf8), nil),
        ]
        for (header, client) in headers {
            let found = try Self.read(header + Array("GET / HTTP/1.1".utf8), piece: piece)
            #expect(found.client == client && found.taken == header.count)
        }
    }

    @Test("what is no header is refused at the byte that shows it")
    func malformed() {
        let long = [UInt8](repeating: 0, count: ProxyHeader.maxExtraBytes + 1)
        let headers: [[UInt8]] = [
            [0x16, 3, 1], Array("GET / HTTP/1.1\r\n\r\n".utf8), Array("\r\n\r\nGET / HTTP".utf8), Array("PROXY\tTCP4 ".utf8),
            Self.binary(0x11, 0x11, [UInt8](repeating: 0, count: 12)),  // version 1 in the form of version 2
            Self.binary(0x22, 0x11, [UInt8](repeating: 0, count: 12)),  // no such command
            Self.binary(0x21, 0x12, [UInt8](repeating: 0, count: 12)),  // datagrams
            Self.binary(0x21, 0x11, [UInt8](repeating: 0, count: 11)), Self.binary(0x21, 0x21, [UInt8](repeating: 0, count: 35)),
            Self.binary(0x20, 0x00, [], extra: long), Self.binary(0x21, 0x11, [UInt8](repeating: 0, count: 12), extra: long),
            Array("PROXY TCP4 ::1 ::1 1 2\r\n".utf8), Array("PROXY TCP6 192.0.2.1 192.0.2.1 1 2\r\n".utf8),
            Array("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n".utf8), Array("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n".utf8),
            Array("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n".utf8), Array("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n".utf8),
            Array("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n".utf8), Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 0x20, count: 100),
        ]
        for header in headers {
            #expect(throws: ProxyHeader.Malformed.self, "\(header)") { try Self.read(header, piece: 3) }
        }
    }
}

@Suite("Connections through a proxy that names its clients", .timeLimit(.minutes(1)))
struct ProxiedTests {
    private static func service(_ proxies: [String] = ["127.0.0.0/8"], perNetwork: Int = 100, tls: TLSContext? = nil) async throws -> ParrotService {
        var deadlines = Deadlines()
        deadlines.handshakeSeconds = 1
        return try await ParrotService(
            Parrot(WireLimits(deadlines), tls: tls, perNetwork: perNetwork, proxies: proxies, hasHeaders: true))
    }

    @Test("the one it names is the caller, from a torn header and before a request in the same packet")
    func named() async throws {
        let service = try await Self.service()
        let client = try Client(service)
        client.send(ProxyHeaderTests.ipv4)
        #expect(client.ask("GET /at-once").hasSuffix("\r\n\r\nat once, 203.0.113.7"))
        let torn = try Client(service)
        for byte in ProxyHeaderTests.ipv4 { torn.send([byte]) }
        #expect(torn.ask("GET /at-once").hasSuffix("at once, 203.0.113.7"))
        let whole = try Client(service)
        whole.send(ProxyHeaderTests.ipv4 + Array("GET /at-once HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".utf8))
        #expect(whole.rest().hasSuffix("at once, 203.0.113.7"))
        let own = try Client(service)
        own.send(ProxyHeaderTests.binary(0x20, 0, []))
        #expect(own.ask("GET /at-once").hasSuffix("at once, 127.0.0.1"))
    }

    @Test("a trusted proxy that says nothing, or nothing sensible, or goes, is not served")
    func silent() async throws {
        let service = try await Self.service()
        #expect(try Client(service).ask("GET /at-once") == "")
        #expect(try Client(service).rest() == "")
        let gone = try Client(service)
        gone.send(Array(ProxyHeaderTests.ipv4.prefix(15)))
        gone.finish()
        #expect(gone.rest() == "")
        let counts = service.parrot.events.counts
        #expect(counts.handshakesFailed.filter { $0.value > 0 } == [.proxyHeader: 1, .timeout: 1, .cut: 1])
        #expect(counts.accepted == 3)
    }

    @Test("a header from anybody else is no request, and who comes without one is served as who they are")
    func untrusted() async throws {
        let service = try await Self.service(["10.0.0.0/8"])
        for header in [ProxyHeaderTests.ipv4, Array("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".utf8)] {
            let client = try Client(service)
            client.send(header)
            #expect(client.ask("GET /at-once").hasPrefix("HTTP/1.1 400 "))
        }
        #expect(try Client(service).ask("GET /at-once").hasSuffix("at once, 127.0.0.1"))
        let pem = try DevelopmentCertificate.pem.get()
        let context = try TLSContext(identities: [try TLSIdentity(certificatePEM: pem.chain, keyPEM: pem.key)])
        let encrypted = try await Self.service(["10.0.0.0/8"], tls: context)
        let client = try Client(encrypted)
        client.send(ProxyHeaderTests.ipv4)
        #expect(!client.rest().contains("HTTP"))
        #expect(encrypted.parrot.events.counts.handshakesFailed[.notTLS] == 1)
    }

    @Test("the limits of a network are those of the client's, not of the proxy's")
    func limits() async throws {
        let service = try await Self.service(perNetwork: 1)
        func open(_ last: UInt8) throws -> Client {
            let client = try Client(service)
            client.send(ProxyHeaderTests.binary(0x21, 0x11, [203, 0, 113, last, 0, 0, 0, 0, 0, 0, 0, 0]))
            client.send("GET /at-once HTTP/1.1\r\nhost: x\r\n\r\n")
            return client
        }
        let (first, other) = (try open(1), try open(2))
        #expect(first.take(4) == "HTTP" && other.take(4) == "HTTP")
        #expect(try open(1).rest() == "")
        #expect(service.parrot.events.counts.refused[.network] == 1)
        first.finish()
        _ = first.rest()
        #expect(try open(3).take(4) == "HTTP")
    }
}
