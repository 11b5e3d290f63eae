import Testing
import Vocabulary

@testable import Dialects

@Suite("Searches of the web")
struct WebSearchTests {
    private func slice(_ text: String) -> (JSONSlice, [UInt8]) {
        let bytes = Array(text.utf8)
        return (JSONSlice(start: 0, end: bytes.count, hasEscapes: text.contains("\\")), bytes)
    }

    private func citing(_ parts: [(text: String, url: String?)]) -> URLCitations {
        var citations = URLCitations()
        for (text, url) in parts {
            citations.beginBlock()
            if let url {
                let (value, line) = slice(#"{"type":"web_search_result_location","url":"\#(url)","title":"T"}"#)
                citations.cite(value, of: line.span)
            }
            let (value, line) = slice(text)
            citations.add(value, of: line.span)
            _ = citations.endBlock()
        }
        return citations
    }

    @Test(
        "places in a text are counted in characters, however they are written",
        arguments: [
            ("abc", 3), ("", 0), ("ü", 1), ("👍", 1), (#"\ud83d\udc4d"#, 1), (#"\uD83D\uDC4D!"#, 2), (#"\u00fc\n\"\\"#, 4),
            (#"\\u00fc"#, 6), ("日本", 2),
        ])
    func places(text: String, count: Int) {
        let citations = citing([(text, nil), ("x", "https://a.example")])
        #expect(citations.all.map(\.start) == [count] && citations.all.map(\.end) == [count + 1])
    }

    @Test("a part cites each page once, an empty part none, and a document has no address")
    func once() {
        var citations = URLCitations()
        citations.beginBlock()
        for value in [
            #"{"type":"web_search_result_location","url":"https://a.example"}"#,
            #"{"type":"web_search_result_location","url":"https://a.example","title":"again"}"#,
            #"{"type":"web_search_result_location","url":"https://b.example","title":null}"#,
            #"{"type":"char_location","document_title":"d"}"#, #"{"type":"web_search_result_location"}"#, "[]", "{",
        ] {
            let (value, line) = slice(value)
            citations.cite(value, of: line.span)
        }
        let (value, line) = slice("ab")
        citations.add(value, of: line.span)
        #expect(citations.endBlock().map(\.url.string) == ["https://a.example", "https://b.example"])
        #expect(citing([("", "https://a.example")]).all.isEmpty)
        var json = JSONWriter()
        citations.all[0].chat(&json)
        #expect(
            String(decoding: json.bytes, as: UTF8.self)
                == #"{"type":"url_citation","url_citation":{"start_index":0,"end_index":2,"url":"https://a.example","title":"https://a.example"}}"#)
    }

    @Test("a block gets the input that came for it, and keeps all else")
    func input() {
        let block = JSONFragment(#"{"type":"server_tool_use","id":"srvtoolu_1","input":{},"name":"web_search","caller":{"type":"direct"}}"#)
        let whole = ServerToolBlock.whole(block, input: JSONText(escaped: Array(#"{\"query\":\"a \\\"b\\\"\"}"#.utf8)[...], hasEscapes: true))
        #expect(
            String(decoding: whole.bytes, as: UTF8.self)
                == #"{"type":"server_tool_use","id":"srvtoolu_1","input":{"query":"a \"b\""},"name":"web_search","caller":{"type":"direct"}}"#)
        #expect(ServerToolBlock.whole(block, input: "") == block)
        let result = JSONFragment(#"{"type":"web_search_tool_result","tool_use_id":"s","content":[]}"#)
        #expect(ServerToolBlock.whole(result, input: "{}") == result)
    }

    private func decode(_ dialect: Dialect, _ body: String, _ uses: Int? = 5, isCodex: Bool = false) throws(Refusal) -> Conversation {
        var context = RequestContext()
        context.webSearches = uses
        context.isCodex = isCodex
        return try dialect.decode(Array(body.utf8), context: context)
    }

    @Test(
        "an answer that paused goes on only where every call has its result",
        arguments: [
            (#"{"type":"server_tool_use","id":"a","name":"web_search","input":{}},{"type":"web_search_tool_result","tool_use_id":"a","content":[]}"#, true),
            (#"{"type":"server_tool_use","id":"a","name":"web_search","input":{}}"#, false), (#"{"type":"text","text":"so"}"#, false),
        ])
    func pause(blocks: String, goesOn: Bool) throws {
        let body = #"{"model":"m","max_tokens":5,"tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[\#(blocks)]}]}"#
        if goesOn {
            #expect(try decode(.anthropic, body).turns.last?.blocks == [.text("Go on with the answer.")])
        } else {
            #expect(throws: Refusal.self) { try decode(.anthropic, body) }
        }
    }

    @Test("types of the vendor's own tool are told from others")
    func types() {
        for type in ["web_search_20250305", "web_search_20260318"] { #expect(WebSearchTool.isVendors(JSONText(type))) }
        for type in ["web_search", "web_search_preview", "web_search_2025_08_26", "web_search_2025030", "web_fetch_20250910"] {
            #expect(!WebSearchTool.isVendors(JSONText(type)))
        }
    }

    @Test("a text that cites pages goes back as it is, one that cites documents without")
    func history() throws {
        let page = #"{"type":"text","text":"so","citations":[{"type":"web_search_result_location","url":"u"}]}"#
        let document = #"{"type":"text","text":"so","citations":[{"type":"char_location"}]}"#
        for (block, expected) in [(page, Block.other(JSONFragment(validated: Array(page.utf8)[...]))), (document, .text("so"))] as [(String, Block)] {
            let body = #"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[\#(block)]},{"role":"user","content":"y"}]}"#
            #expect(try decode(.anthropic, body, nil).turns[1].blocks == [expected])
        }
    }

    @Test(
        "who may not search is refused where it is what the request is about, and Codex never",
        arguments: [
            (#""tools":[{"type":"web_search"}]"#, false, "tools[0]"), (#""tools":[{"type":"web_search"}]"#, true, nil),
            (#""tools":[{"type":"file_search"}]"#, false, nil),
            (#""tools":[{"type":"function","name":"f","parameters":{}},{"type":"web_search"}]"#, false, nil),
            (#""tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"}"#, true, "tool_choice"),
        ] as [(String, Bool, String?)])
    func refused(fields: String, isCodex: Bool, param: String?) {
        let body = #"{"model":"m","input":"x",\#(fields)}"#
        do throws(Refusal) {
            let conversation = try decode(.responses, body, nil, isCodex: isCodex)
            #expect(param == nil && conversation.webSearch == nil && conversation.ignored.count == 1)
        } catch {
            #expect(error.param == param && error.code == "web_search_not_allowed")
        }
    }
}
