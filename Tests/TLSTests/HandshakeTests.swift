import COpenSSL
import Glibc
import TLS
import Testing

/// Alerts (RFC 8446 §6) as OpenSSL reports those it has received.
private enum Alert {
    static let protocolVersion: Int32 = 1070
    static let noApplicationProtocol: Int32 = 1120
}

@Suite("TLS handshake")
struct HandshakeTests {
    @Test("both versions are spoken, the newest by preference", arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func versions(version: Int32) throws {
        var options = ClientOptions()
        options.newest = version
        let connection = try Connection(.plain(), options)
        try connection.open()
        #expect(connection.client.version == version)
        #expect(connection.client.server.name == "plain")
    }

    @Test("TLS 1.2 gives forward secrecy and authenticated encryption alone")
    func ciphers() throws {
        var options = ClientOptions()
        options.newest = TLS1_2_VERSION
        let connection = try Connection(.plain(), options)
        try connection.open()
        #expect(connection.client.cipher.hasPrefix("ECDHE-ECDSA-"))
        #expect(connection.client.cipher.contains("GCM") || connection.client.cipher.contains("CHACHA20"))
    }

    @Test("older versions are refused with an alert that says so")
    func oldVersions() throws {
        var options = ClientOptions()
        (options.oldest, options.newest) = (TLS1_VERSION, TLS1_1_VERSION)
        let results = try Connection(.plain(), options).shakeHands()
        #expect(results.client == .failed(Alert.protocolVersion))
        guard case .failed = results.server else {
            Issue.record("the server says \(results.server)")
            return
        }
    }

    @Test("a policy of TLS 1.3 alone refuses 1.2")
    func minimumVersion() throws {
        let context = try TLSContext.plain { $0.allowsTLS12 = false }
        var options = ClientOptions()
        options.newest = TLS1_2_VERSION
        #expect(try Connection(context, options).shakeHands().client == .failed(Alert.protocolVersion))
        let connection = try Connection(context)
        try connection.open()
        #expect(connection.client.version == TLS1_3_VERSION)
    }

    @Test(
        "the application protocol is agreed on, ours by preference",
        arguments: [
            (["h2"], true, ApplicationProtocol.http2), (["h2", "http/1.1"], true, .http2),
            (["http/1.1", "h2"], true, .http2), (["http/1.1"], true, .http1), ([], true, .http1),
            (["spdy/3", "http/1.1"], true, .http1), (["h2", "http/1.1"], false, .http1), ([], false, .http1),
        ])
    func protocols(offered: [String], offersHTTP2: Bool, chosen: ApplicationProtocol) throws {
        var options = ClientOptions()
        options.protocols = offered
        let connection = try Connection(.plain { $0.offersHTTP2 = offersHTTP2 }, options)
        try connection.open()
        #expect(connection.server.applicationProtocol == chosen)
    }

    @Test(
        "a client that offers only what is not spoken here is refused with alert 120",
        arguments: [(["spdy/3"], true), (["h2c", "http/1.0", "x"], true), (["h2"], false), (["h"], true)])
    func unknownProtocols(offered: [String], offersHTTP2: Bool) throws {
        var options = ClientOptions()
        options.protocols = offered
        let results = try Connection(.plain { $0.offersHTTP2 = offersHTTP2 }, options).shakeHands()
        #expect(results.client == .failed(Alert.noApplicationProtocol))
    }

    @Test(
        "the name that the client gives picks the certificate, an unknown or missing one the first",
        arguments: [
            ("a.test", "first"), ("b.test", "second"), ("www.c.test", "third"), ("B.TEST", "second"),
            ("c.test", "first"), ("unknown.test", "first"), (nil, "first"),
        ] as [(String?, String)])
    func serverNames(asked: String?, given: String) throws {
        let context = try TLSContext.with([
            try Certificate(name: "first", names: ["a.test"]), try Certificate(name: "second", names: ["b.test"]),
            try Certificate(name: "third", names: ["*.c.test"]),
        ])
        var options = ClientOptions()
        options.serverName = asked
        let connection = try Connection(context, options)
        try connection.open()
        #expect(connection.client.server.name == given)
    }

    @Test("of an EC and an RSA certificate for the same names, the client gets what it can verify")
    func twoKinds() throws {
        let context = try TLSContext.with([
            try Certificate(.ec, name: "ec", names: ["a.test"]), try Certificate(.rsa, name: "rsa", names: ["a.test"]),
        ])
        for (signatures, isRSA) in [
            ("ecdsa_secp256r1_sha256", false), ("rsa_pss_rsae_sha256", true),
            ("ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256", false),
        ] {
            var options = ClientOptions()
            (options.signatures, options.serverName) = (signatures, "a.test")
            let connection = try Connection(context, options)
            try connection.open()
            #expect(connection.client.server.isRSA == isRSA, "\(signatures)")
        }
    }

    @Test("a client hello that comes byte by byte is waited for", arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func bytewise(version: Int32) throws {
        let (near, far) = (try Wire(), try Wire())
        let server = try Server(.plain(), on: far.server)
        var options = ClientOptions()
        (options.newest, options.serverName, options.protocols) = (version, "a.test", ["h2"])
        let client = try Client(on: near.client, options)
        var results = (server: TLSResult.needsRead, client: ClientResult.waits)
        var steps = 0
        while results.server == .needsRead || results.client == .waits, steps < 10_000 {
            if results.client == .waits { results.client = client.handshake() }
            for byte in take(near.server) {
                steps += 1
                give([byte], to: far.client)
                if results.server == .needsRead { results.server = server.handshake() }
            }
            give(take(far.client), to: near.server)
        }
        #expect(results.server == .bytes(0))
        #expect(results.client == .done)
        #expect(server.applicationProtocol == .http2)
        #expect(steps > 200)
    }

    @Test("what is no TLS is refused", arguments: ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\u{16}\u{3}\u{1}\u{FF}\u{FF}\u{1}"])
    func garbage(text: String) throws {
        let wire = try Wire()
        let server = try Server(.plain(), on: wire.server)
        #expect(server.handshake() == .needsRead)
        give(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }, to: wire.client)
        guard case .failed(let fault) = server.handshake() else {
            Issue.record("it was taken")
            return
        }
        #expect(fault.message.hasPrefix("TLS"))
    }

    @Test("a peer that goes in the middle of the handshake has gone")
    func goneEarly() throws {
        let wire = try Wire()
        let server = try Server(.plain(), on: wire.server)
        wire.closeClient()
        #expect(server.handshake() == .closed)
    }

    @Test("nobody may shake hands again on the same connection")
    func renegotiation() throws {
        var options = ClientOptions()
        options.newest = TLS1_2_VERSION
        let connection = try Connection(.plain(), options)
        try connection.open()
        var result = connection.client.renegotiate()
        #expect(connection.server.drain().bytes.isEmpty)
        if result == .waits { result = connection.client.handshake() }
        #expect(result == .failed(SSL_R_NO_RENEGOTIATION))
    }
}

/// Everything that waits at an end of a wire.
private func take(_ socket: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
        let count = unsafe Glibc.read(socket, &buffer, buffer.count)
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
    }
}

private func give(_ bytes: [UInt8], to socket: Int32) {
    guard !bytes.isEmpty else { return }
    let count = unsafe Glibc.write(socket, bytes, bytes.count)
    #expect(count == bytes.count)
}
