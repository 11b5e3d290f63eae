import Dialects
import Testing
import Vocabulary

/// `events/NAME.ndjson` answered in each dialect: `DIALECT/NAME.sse` and `DIALECT/NAME.body.json`.
@Suite("Replies as fixtures") struct ReplyFixtureTests {
    static let cases = Dialect.allCases.flatMap { dialect in
        Fixtures.names("events", suffix: ".ndjson").map { (dialect, $0) }
    }

    static let identity = ReplyIdentity(
        requestID: "req_0123456789abcdef",
        suffix: "0123456789abcdef01234567",
        created: 1_795_000_000
    )

    /// A request that asks for everything an answer may show.
    static func conversation(_ dialect: Dialect) throws -> Conversation {
        try dialect.decode(Fixtures.read("\(dialect.folder)/everything.request.json"))
    }

    @Test("events become the stream of the fixture", arguments: cases)
    func stream(dialect: Dialect, name: String) throws {
        var stream = ReplyStream(
            dialect: dialect,
            conversation: try Self.conversation(dialect),
            identity: Self.identity
        )
        stream.completedAt = 1_795_000_001
        var out: [UInt8] = []
        try EventLines.each(Fixtures.read("events/\(name).ndjson")) { stream.encode($0, of: $1, into: &out) }
        try Fixtures.expect(out, toMatch: "\(dialect.folder)/\(name).sse")
    }

    @Test("events become the body of the fixture", arguments: cases)
    func body(dialect: Dialect, name: String) throws {
        var body = ReplyBody(
            dialect: dialect,
            conversation: try Self.conversation(dialect),
            identity: Self.identity
        )
        body.completedAt = 1_795_000_001
        var failed = false
        try EventLines.each(Fixtures.read("events/\(name).ndjson")) { event, line in
            if case .failed = event { failed = true }
            body.take(event, of: line)
        }
        guard !failed else {
            #expect(body.finish() == nil)
            return
        }
        let bytes = try #require(body.finish())
        _ = try JSONDocument(parsing: bytes)
        try Fixtures.expect(bytes + [0x0A], toMatch: "\(dialect.folder)/\(name).body.json")
    }
}
