import COpenSSL
import TLS
import Testing

@Suite("TLS session resumption")
struct ResumptionTests {
    /// Opens a connection and returns whether it was resumed, and the session to resume it by.
    private func visit(
        _ context: TLSContext, _ version: Int32, with session: KeptSession? = nil, name: String? = nil
    ) throws -> (wasResumed: Bool, session: KeptSession) {
        var options = ClientOptions()
        (options.newest, options.session, options.serverName) = (version, session, name)
        let connection = try Connection(context, options)
        try connection.open()
        // TLS 1.3 sends its tickets after the handshake: they come with the first bytes.
        #expect(connection.server.write([1]) == .bytes(1))
        #expect(connection.client.drain().bytes == [1])
        #expect(connection.client.isTicketed)
        return (connection.client.wasResumed, try #require(connection.client.session))
    }

    @Test("a session is resumed, and with a newer key still", arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func rotation(version: Int32) throws {
        let context = try TLSContext.plain()
        let first = try visit(context, version)
        #expect(!first.wasResumed)
        #expect(try visit(context, version, with: first.session).wasResumed)
        context.rotateTicketKeys()
        let renewed = try visit(context, version, with: first.session)
        #expect(renewed.wasResumed)
        context.rotateTicketKeys()
        #expect(try visit(context, version, with: first.session).wasResumed)
        context.rotateTicketKeys()
        #expect(try !visit(context, version, with: first.session).wasResumed)
        // The ticket that came with the first rotation was sealed with the key of then.
        #expect(try visit(context, version, with: renewed.session).wasResumed)
    }

    @Test("a restart forgets every session", arguments: [TLS1_3_VERSION, TLS1_2_VERSION])
    func restart(version: Int32) throws {
        let certificate = try Certificate(name: "plain", names: ["a.test"])
        let first = try visit(.with([certificate]), version)
        #expect(try !visit(.with([certificate]), version, with: first.session).wasResumed)
    }

    @Test("a session of the second certificate is resumed as well")
    func secondCertificate() throws {
        let context = try TLSContext.with([
            try Certificate(name: "first", names: ["a.test"]), try Certificate(name: "second", names: ["b.test"]),
        ])
        let first = try visit(context, TLS1_3_VERSION, name: "b.test")
        context.rotateTicketKeys()
        #expect(try visit(context, TLS1_3_VERSION, with: first.session, name: "b.test").wasResumed)
    }
}
