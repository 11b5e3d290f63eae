import TLS
import Testing

@Suite("TLS streams")
struct StreamTests {
    private func opened() throws -> Connection {
        let connection = try Connection(.plain())
        try connection.open()
        return connection
    }

    @Test("megabytes go out record by record, and a client that does not read stops them")
    func backPressure() throws {
        let connection = try opened()
        let sent = (0..<4 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        var (start, stops) = (0, 0)
        var received: [UInt8] = []
        while start < sent.count {
            // Copied, so that after a stop the same bytes stand at another address.
            switch connection.server.write(ArraySlice(Array(sent[start...].prefix(100_000)))) {
            case .bytes(let count):
                #expect(count <= 2 * 16_384)
                start += count
            case .needsWrite:
                stops += 1
                received += connection.client.drain().bytes
            case let other:
                Issue.record("\(other)")
                return
            }
        }
        received += connection.client.drain().bytes
        #expect(received == sent)
        #expect(stops > 3)
    }

    @Test("what the client sends arrives whole")
    func reading() throws {
        let connection = try opened()
        #expect(connection.server.drain().last == .needsRead)
        var (sent, received): ([UInt8], [UInt8]) = ([], [])
        for round in 0..<100 {
            let piece = [UInt8](repeating: UInt8(round), count: round * 137 + 1)
            #expect(connection.client.write(piece) == .done)
            sent += piece
            received += connection.server.drain().bytes
        }
        #expect(received == sent)
    }

    @Test("a client that says goodbye has closed, after its last bytes")
    func closeNotify() throws {
        let connection = try opened()
        #expect(connection.client.write(Array("last".utf8)) == .done)
        connection.client.sayGoodbye()
        let rest = connection.server.drain()
        #expect(rest.bytes == Array("last".utf8))
        #expect(rest.last == .closed)
    }

    @Test("a client that goes without a word has closed as well")
    func silentEnd() throws {
        let connection = try opened()
        #expect(connection.client.write(Array("last".utf8)) == .done)
        connection.wire.closeClient()
        let rest = connection.server.drain()
        #expect(rest.bytes == Array("last".utf8))
        #expect(rest.last == .closed)
        #expect(connection.server.write([1]) == .closed)
        connection.server.shutdown()
    }

    @Test("our goodbye is heard, and the client's bytes are still read after it")
    func shutdown() throws {
        let connection = try opened()
        connection.server.shutdown()
        #expect(connection.client.drain().last == .closed)
        #expect(connection.client.write(Array("more".utf8)) == .done)
        #expect(connection.server.drain().bytes == Array("more".utf8))
    }
}

@Suite("Certificates and keys")
struct IdentityTests {
    private func fault(_ certificate: [UInt8], _ key: [UInt8]) -> String? {
        do throws(TLSFault) {
            _ = try TLSIdentity(certificatePEM: certificate, keyPEM: key)
            return nil
        } catch {
            return error.message
        }
    }

    @Test("a certificate tells its names and its time")
    func reading() throws {
        let made = try Certificate(name: "x", names: ["a.test", "*.b.test"], days: -1...10)
        let identity = try TLSIdentity(certificatePEM: made.certificate, keyPEM: made.key)
        #expect(identity.names == ["a.test", "*.b.test"])
        #expect(identity.hasBegun)
        #expect((9 * 86_400...10 * 86_400).contains(identity.secondsUntilExpiry))
        #expect(identity.lifetimeSeconds == 11 * 86_400)
    }

    @Test("one that has expired or not begun is known as such")
    func times() throws {
        let expired = try Certificate(name: "x", names: ["a.test"], days: -3 ... -1)
        let identity = try TLSIdentity(certificatePEM: expired.certificate, keyPEM: expired.key)
        #expect(identity.secondsUntilExpiry < -86_000)
        let future = try Certificate(name: "x", names: ["a.test"], days: 1...2)
        #expect(try !TLSIdentity(certificatePEM: future.certificate, keyPEM: future.key).hasBegun)
    }

    @Test("a key of another certificate, of either kind, is refused")
    func mismatch() throws {
        let first = try Certificate(name: "x", names: ["a.test"])
        for kind in [Certificate.Kind.ec, .rsa] {
            let other = try Certificate(kind, name: "y", names: ["a.test"])
            let fault = fault(first.certificate, other.key)
            #expect(fault?.hasPrefix("the private key does not belong to the certificate") == true)
        }
    }

    @Test("what cannot be read is refused, and says which of both it was")
    func garbage() throws {
        let made = try Certificate(name: "x", names: ["a.test"])
        #expect(fault([], made.key)?.hasPrefix("no certificate can be read") == true)
        #expect(fault(Array("hello".utf8), made.key)?.hasPrefix("no certificate can be read") == true)
        #expect(fault(made.key, made.key)?.hasPrefix("no certificate can be read") == true)
        #expect(fault(Array(made.certificate.dropLast(100)), made.key)?.hasPrefix("no certificate can be read") == true)
        #expect(fault(made.certificate, [])?.hasPrefix("the private key cannot be read") == true)
        #expect(fault(made.certificate, made.certificate)?.hasPrefix("the private key cannot be read") == true)
        #expect(fault(made.certificate, Array(made.key.dropLast(60)))?.hasPrefix("the private key cannot be read") == true)
    }

    @Test("an encrypted key is refused instead of asking at a terminal")
    func encrypted() throws {
        let made = try Certificate(name: "x", names: ["a.test"])
        #expect(fault(made.certificate, made.encryptedKey)?.hasPrefix("the private key cannot be read") == true)
    }

    @Test("a chain is served with its intermediates, and a service without a certificate is none")
    func chains() throws {
        let (leaf, other) = (try Certificate(name: "x", names: ["a.test"]), try Certificate(name: "y", names: ["b.test"]))
        let identity = try TLSIdentity(certificatePEM: leaf.certificate + other.certificate, keyPEM: leaf.key)
        let connection = try Connection(TLSContext(identities: [identity]))
        try connection.open()
        #expect(connection.client.server.name == "x")
        #expect(connection.client.chainLength == 2)
        #expect(throws: TLSFault("no certificate")) { try TLSContext(identities: []) }
    }
}
