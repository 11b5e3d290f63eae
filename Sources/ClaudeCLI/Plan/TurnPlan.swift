public import Vocabulary

/// Everything that is written to the CLI for one turn, in the order and portions in which it must be written.
///
/// The CLI appends assistant rows the moment it reads them but queues user rows, so after each user row of
/// the history its zero-turn result must be awaited: a portion ends where the CLI has to be waited for.
public struct TurnPlan: Sendable {
    /// The id of the `initialize` request.
    static let initializeID: StaticString = "i"
    /// The id of the `apply_flag_settings` request.
    static let settingsID: StaticString = "s"
    /// The id of the `apply_flag_settings` request that lifts a forced tool call.
    static let reliefID: StaticString = "r"
    /// The id of the `get_context_usage` request.
    static let countID: StaticString = "u"

    /// The rows of each portion, as pieces to be written one after another.
    private(set) var portions: [[ArraySlice<UInt8>]] = []
    /// Everything that will be written.
    public var text: [UInt8] { portions.flatMap { $0.flatMap { $0 } } }
    /// True when the tokens are to be counted rather than the model asked.
    let counts: Bool
    /// The client's tools, by which the answer's calls are translated.
    let tools: ClientTools
    /// The call that the answer must hold, in the names that the model sees; nil when it need hold none.
    let demandedCall: DemandedCall?
    /// The registered servers whose tools the CLI calls itself.
    let servers: ActiveServers
    /// The row that lifts a forced tool call once a server's tool was called, or the model could never end.
    private(set) var relief: [UInt8]?

    /// Plans the turn that answers a conversation, for a model the CLI knows by `model`.
    ///
    /// What a CLI with no more than `features` would answer otherwise than asked is refused. The end of the history
    /// is marked to be cached for `cacheLifetime`. A beta that the turn needs is asked for beside `operatorBetas`.
    public init(
        answering conversation: Conversation, model: String, servers: ActiveServers = .none,
        features: CLIFeatures = .all, cacheLifetime: CacheLifetime = .off, operatorBetas: String = ""
    ) throws(Refusal) {
        try self.init(
            conversation, model: model, servers: servers, counts: false, features, cacheLifetime, operatorBetas)
    }

    /// Plans the counting of a conversation's tokens; the model is not asked.
    public init(
        counting conversation: Conversation, model: String, servers: ActiveServers = .none,
        features: CLIFeatures = .all, operatorBetas: String = ""
    ) throws(Refusal) {
        try self.init(conversation, model: model, servers: servers, counts: true, features, .off, operatorBetas)
    }

    private init(
        _ asked: Conversation, model: String, servers: ActiveServers, counts: Bool,
        _ features: CLIFeatures, _ cacheLifetime: CacheLifetime, _ operatorBetas: String
    ) throws(Refusal) {
        self.counts = counts
        self.servers = servers
        let conversation = asked.demanding(servers, features)
        demandedCall = counts ? nil : conversation.demandedCall
        try features.check(conversation, counts: counts)
        try servers.check(conversation.tools)
        var settings = try TurnSettings(
            conversation, model: model, servers: servers, operatorBetas: operatorBetas)
        if !features.has(.parameters) { settings.leaveOutParameters() }
        tools = settings.tools
        let turns = MessageList.messages(of: conversation)
        guard counts || turns.last?.role == .user else { throw Self.prefill }
        var messages = tools.names.outward(turns)
        if !features.has(.history) { messages = try TaggedHistory.flatten(messages) }
        if let note = demandedCall?.note(allowingSeveral: conversation.allowsParallelToolCalls) {
            messages[messages.count - 1].blocks.append(.text(note))
        }
        var rows = RowWriter()
        Self.initialize(conversation, settings.tools, &rows)
        settings.write(to: &rows)
        if !servers.isEmpty {
            relief = settings.relief
            servers.write(to: &rows, withClientTools: !settings.tools.isEmpty)
            // They are waited for before the first message: the model must not be asked without their tools.
            portions.append(rows.pieces())
            rows = RowWriter()
            servers.writeStatus(to: &rows)
            portions.append(rows.pieces())
            rows = RowWriter()
        }
        for (index, message) in messages.enumerated() {
            guard message.role == .user else {
                let mark = index == messages.count - 2 ? cacheLifetime.member : nil
                try Self.assistant(message.blocks, number: index, mark: mark, &rows)
                continue
            }
            let isLast = index == messages.count - 1
            try Self.user(message.blocks, number: index, isQuestion: isLast && !counts, &rows)
            guard !isLast || counts else { break }
            portions.append(rows.pieces())
            rows = RowWriter()
        }
        if counts { rows.controlRequest("get_context_usage", id: Self.countID) }
        portions.append(rows.pieces())
    }

    private static var prefill: Refusal {
        Refusal(
            .invalidRequest,
            "messages: the conversation must end with a user message; continuing an assistant message "
                + "that was begun (prefill) is not supported.",
            param: "messages")
    }

    // MARK: - Rows

    private static func initialize(
        _ conversation: Conversation, _ tools: ClientTools, _ rows: inout RowWriter
    ) {
        rows.controlRequest("initialize", id: initializeID) { rows in
            rows.key("systemPrompt")
            rows.beginArray()
            for text in conversation.system where !text.isEmpty { rows.string(text) }
            if conversation.outputFormat == .jsonObject {
                rows.string(literal: "Answer with one JSON object and nothing else, without a code fence.")
            }
            rows.endArray()
            tools.write(to: &rows)
        }
    }

    /// `client_composed` has the text delivered as written: no `@file` is read and no `/command` obeyed.
    private static func user(
        _ blocks: [Block], number: Int, isQuestion: Bool, _ rows: inout RowWriter
    ) throws(Refusal) {
        rows.beginObject()
        rows.raw("\"type\":\"user\",\"client_composed\":true")
        if !isQuestion { rows.raw("\"shouldQuery\":false") }
        rows.member("uuid", uuid(number))
        rows.key("message")
        rows.beginObject()
        rows.raw("\"role\":\"user\"")
        rows.key("content")
        try content(blocks, &rows)
        rows.endObject()
        rows.endObject()
        rows.endRow()
    }

    /// Without an id of its own and a model, thinking blocks of the row are dropped by the CLI; so they are when the
    /// model is another than an alias stands for at the moment, which the CLI's own mark for no model is never.
    ///
    /// The cache mark has the vendor keep the prefix up to here. The CLI marks the last user message too, but with
    /// models before 5 puts a text into it that moves on with each request, so that its mark is never met again.
    private static func assistant(
        _ blocks: [Block], number: Int, mark: StaticString?, _ rows: inout RowWriter
    ) throws(Refusal) {
        rows.beginObject()
        rows.raw("\"type\":\"assistant\"")
        rows.key("message")
        rows.beginObject()
        rows.member("id", "msg_\(number)")
        rows.raw("\"type\":\"message\",\"role\":\"assistant\",\"model\":\"<synthetic>\"")
        rows.key("content")
        let marked = mark == nil ? nil : blocks.lastIndex(where: \.canBeMarked)
        rows.beginArray()
        for (index, block) in blocks.enumerated() {
            try Self.block(block, mark: index == marked ? mark : nil, &rows)
        }
        rows.endArray()
        rows.raw("\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":0,\"output_tokens\":0}")
        rows.endObject()
        rows.endObject()
        rows.endRow()
    }

    private static func content(_ blocks: [Block], _ rows: inout RowWriter) throws(Refusal) {
        rows.beginArray()
        for block in blocks { try self.block(block, mark: nil, &rows) }
        rows.endArray()
    }

    private static func block(
        _ block: Block, mark: StaticString?, _ rows: inout RowWriter
    ) throws(Refusal) {
        switch block {
        case .document(let whole), .other(let whole):
            rows.fragment(whole)
            return
        default: rows.beginObject()
        }
        switch block {
        case .text(let text):
            rows.raw("\"type\":\"text\"")
            rows.member("text", text)
        case .image(let source):
            rows.raw("\"type\":\"image\"")
            rows.member("source", source)
        case .toolUse(let id, let name, let input):
            rows.raw("\"type\":\"tool_use\"")
            rows.member("id", id)
            rows.member("name", name)
            rows.member("input", input)
        case .toolResult(let id, let blocks, let isError):
            rows.raw("\"type\":\"tool_result\"")
            rows.member("tool_use_id", id)
            rows.key("content")
            try content(blocks, &rows)
            if isError { rows.raw("\"is_error\":true") }
        case .thinking(let text, let signature):
            rows.raw("\"type\":\"thinking\"")
            rows.member("thinking", text)
            rows.member("signature", signature)
        case .redactedThinking(let data):
            rows.raw("\"type\":\"redacted_thinking\"")
            rows.member("data", data)
        case .document, .other: break
        }
        if let mark { rows.raw(mark) }
        rows.endObject()
    }

    /// A row's name, unique within the turn: a process serves one turn only.
    private static func uuid(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return "00000000-0000-4000-8000-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    }
}

extension Block {
    /// True for blocks that may bear a cache mark and that the CLI does not drop.
    fileprivate var canBeMarked: Bool {
        switch self {
        case .text(let text): !text.string.allSatisfy(\.isWhitespace)
        case .toolUse, .toolResult, .image: true
        case .document, .other, .thinking, .redactedThinking: false
        }
    }
}
