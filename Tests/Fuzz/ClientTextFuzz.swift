// modules: Vocabulary Dialects
// files: Sources/Gateway/Exchange/QueryParameters.swift
//
// Texts of clients that are no JSON: a query with the page it asks for, and OpenClaw's system prompt.
import Dialects
import Vocabulary

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzClientTexts(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    guard let choice = bytes.first else { return 0 }
    if choice % 2 == 0 { query(bytes.dropFirst()) } else { prompt(String(decoding: bytes.dropFirst(), as: UTF8.self)) }
    return 0
}

/// Names and values survive being escaped and read again; a page is of what there is, or is refused by its parameter.
private func query(_ bytes: ArraySlice<UInt8>) {
    let parameters = QueryParameters.parse(bytes)
    let escaped = parameters.map { "\(escape($0.name))=\(escape($0.value))" }.joined(separator: "&")
    let again = QueryParameters.parse(Array(escaped.utf8)[...])
    precondition(again.elementsEqual(parameters, by: ==), "escaping and reading are inverse")
    do throws(Refusal) {
        let page = try ItemPage(parameters)
        precondition((1...100).contains(page.limit))
        let items = [UInt8](#"{"id":"a"},{"id":"b"},{"type":"x"},{"id":"é"}"#.utf8)
        let bytes = try StoredAnswers.page(of: items, page)
        let list = try? JSONDocument(parsing: bytes).root
        precondition((list?["data"]?.elements.map { $0 }.count ?? .max) <= min(4, page.limit), "a page is JSON")
    } catch {
        precondition(error.kind == .invalidRequest && error.param != nil, "refusals name the parameter")
    }
}

private func escape(_ text: String) -> String {
    text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// What is left is lines of what was there, in their order, and there is nothing more to take away from it.
private func prompt(_ text: String) {
    var conversation = Conversation(model: "m")
    conversation.system = [JSONText(text)]
    OpenClaw.adapt(&conversation)
    let kept = conversation.system.map(\.string)
    precondition(kept.count <= 1)
    var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)[...]
    for line in kept.first?.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) ?? [] {
        lines = lines.drop { !$0.elementsEqual(line) }
        precondition(lines.popFirst() != nil, "a line that was not there")
    }
    OpenClaw.adapt(&conversation)
    precondition(conversation.system.map(\.string) == kept, "filtering once is enough")
}
