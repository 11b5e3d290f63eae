import Dialects
import Testing
import Vocabulary

@testable import Gateway

@Suite("An answer becomes a message of its conversation")
struct AnswerTurnTests {
    /// The message that these events come to; strings stand for pieces, `\` for those with escapes.
    private func answer(
        _ events: [(ReplyEvent, String)], to conversation: Conversation = Conversation(model: "sonnet"),
        in dialect: Dialect = .anthropic
    ) -> Turn? {
        var answer = AnswerTurn(to: conversation, in: dialect)
        for (event, text) in events {
            let line = Array(text.utf8)
            answer.hear(event, of: line.span)
        }
        return answer.turns.last
    }

    private func piece(_ text: String, _ make: (JSONSlice) -> ReplyEvent) -> (ReplyEvent, String) {
        (make(JSONSlice(start: 0, end: text.utf8.count, hasEscapes: text.contains("\\"))), text)
    }

    private let end: (ReplyEvent, String) = (.finished(ReplyEnd(reason: .endTurn, usage: Usage())), "")
    private let stop: (ReplyEvent, String) = (.blockStopped, "")

    @Test("all its blocks, with the seals of thinking")
    func blocks() {
        let turn = answer([
            (.blockStarted(.thinking), ""), piece("Hm", ReplyEvent.thinking), piece("sig", ReplyEvent.signature), stop,
            (.blockStarted(.redactedThinking(data: "sealed")), ""), stop,
            // An escape may be cut in two.
            (.blockStarted(.text), ""), piece("\\ud83d", ReplyEvent.text), piece("\\ude00 a\\nb", ReplyEvent.text), stop,
            (.blockStarted(.toolUse(id: "t1", name: "f")), ""), piece("{\\\"a\\\"", ReplyEvent.toolInput),
            piece(":1}", ReplyEvent.toolInput), stop,
            (.blockStarted(.other(JSONFragment(#"{"type":"new"}"#))), ""), stop, end,
        ])
        #expect(turn?.role == .assistant)
        #expect(
            turn?.blocks == [
                .thinking("Hm", signature: "sig"), .redactedThinking("sealed"), .text("😀 a\nb"),
                .toolUse(id: "t1", name: "f", input: JSONFragment(#"{"a":1}"#)),
                .other(JSONFragment(#"{"type":"new"}"#)),
            ])
    }

    @Test("a call that was cut off has no arguments that could be read, and never breaks what is stored")
    func cutOff() throws {
        for text in ["", "{\\\"a\\\":", "[1]"] {
            let turn = try #require(
                answer([
                    (.blockStarted(.toolUse(id: "t1", name: "f")), ""), piece(text, ReplyEvent.toolInput), stop, end,
                ]))
            let again = try StoredTurn.turn(of: StoredTurn.bytes(of: turn))
            #expect(again.blocks == [.toolUse(id: "t1", name: "f", input: JSONFragment("{}"))])
        }
    }

    @Test("an answer without an end, or without a word, is none")
    func none() {
        #expect(answer([(.blockStarted(.text), ""), piece("a", ReplyEvent.text), stop]) == nil)
        #expect(answer([end]) == nil)
        #expect(answer([(.blockStarted(.text), ""), stop, end]) == nil)
    }

    @Test("notes between calls are stored as what their client gets: text", arguments: Dialect.allCases)
    func notes(dialect: Dialect) {
        var conversation = Conversation(model: "sonnet")
        conversation.thinkingShown = .asText
        let turn = answer(
            [(.blockStarted(.thinking), ""), piece("Looking.", ReplyEvent.thinking), piece("s", ReplyEvent.signature), stop, end],
            to: conversation, in: dialect)
        #expect(turn?.blocks == [.text("Looking.")])
    }
}
