import Dialects
import Testing
import Vocabulary

/// `DIALECT/NAME.request.json` must decode to `DIALECT/NAME.conversation.json`.
@Suite("Requests as fixtures") struct RequestFixtureTests {
    static let cases = Dialect.allCases.flatMap { dialect in
        Fixtures.names(dialect.folder, suffix: ".request.json").map { (dialect, $0) }
    }

    @Test("a request becomes the conversation of the fixture", arguments: cases)
    func decodes(dialect: Dialect, name: String) throws {
        let conversation = try dialect.decode(Fixtures.read("\(dialect.folder)/\(name).request.json"))
        try Fixtures.expect(dump(conversation), toMatch: "\(dialect.folder)/\(name).conversation.json")
    }

    @Test("there are fixtures for every dialect", arguments: Dialect.allCases)
    func exist(dialect: Dialect) {
        #expect(Self.cases.filter { $0.0 == dialect }.count >= 5)
    }
}
