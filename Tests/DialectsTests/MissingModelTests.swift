import Dialects
import Testing
import Vocabulary

@Suite("Bodies without a model, and with a byte order mark")
struct MissingModelTests {
    private static let rest: [Dialect: String] = [
        .anthropic: #""max_tokens":10,"messages":[{"role":"user","content":"Hi"}]"#,
        .chatCompletions: #""messages":[{"role":"user","content":"Hi"}]"#,
        .responses: #""input":"Hi""#,
    ]
    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private func decode(
        _ dialect: Dialect, _ beginning: String, default model: String?, counting: Bool = false
    ) throws -> Conversation {
        let rest = try #require(Self.rest[dialect])
        var context = RequestContext(countsTokens: counting)
        context.defaultModel = model
        return try dialect.decode(Array("{\(beginning)\(rest)}".utf8), context: context)
    }

    @Test("a request that names no model gets the default one", arguments: Dialect.allCases)
    func defaulted(dialect: Dialect) throws {
        for beginning in ["", #""model":null,"#, #""model":"","#] {
            for counting in [false, true] {
                #expect(try decode(dialect, beginning, default: "haiku", counting: counting).model == "haiku")
            }
        }
        #expect(try decode(dialect, #""model":"opus","#, default: "haiku").model == "opus")
    }

    @Test("without a default a model must be named, and one of the wrong type is refused anyway", arguments: Dialect.allCases)
    func refused(dialect: Dialect) throws {
        for beginning in ["", #""model":null,"#] {
            let refusal = try #require(throws: Refusal.self) { try decode(dialect, beginning, default: nil) }
            #expect(refusal.message == "model: Field required" && refusal.param == "model")
        }
        #expect(throws: Refusal.self) { try decode(dialect, #""model":"","#, default: nil) }
        for wrong in ["7", "true", "[]", "{}"] {
            #expect(throws: Refusal.self) { try decode(dialect, "\"model\":\(wrong),", default: "haiku") }
        }
    }

    @Test("a byte order mark is passed over, and offsets are those of the body as sent", arguments: Dialect.allCases)
    func marked(dialect: Dialect) throws {
        let rest = try #require(Self.rest[dialect])
        let body = Self.mark + Array("{\"model\":\"sonnet\",\(rest)}".utf8)
        #expect(try dialect.decode(body).model == "sonnet")
        let broken = try #require(throws: Refusal.self) { try dialect.decode(Self.mark + Array("{x}".utf8)) }
        #expect(broken.message.hasSuffix("at byte 4."))
        let twice = try #require(throws: Refusal.self) { try dialect.decode(Self.mark + body) }
        #expect(twice.message.hasSuffix("at byte 3."))
        for body in [Self.mark, []] {
            let empty = try #require(throws: Refusal.self) { try dialect.decode(body) }
            #expect(empty.message == "The request has no body.")
        }
    }
}
