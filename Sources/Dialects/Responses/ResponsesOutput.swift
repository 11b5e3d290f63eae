import Vocabulary

/// Builds the output items of a response, one at a time.
struct ResponsesOutput: Sendable {
    /// What kind of item is open.
    enum Kind: Sendable { case message, reasoning, sealed, call, freeText, toolSearch, compaction, webSearch, agentCall }

    private let suffix: String
    private let showsThinking: Bool
    private let wantsSealed: Bool
    private let forms: ToolForms
    /// Seals the summary that is asked for instead of an answer; nil when an answer is.
    private let summaries: (any SummarySeal)?
    private let isCompaction: Bool
    private let isCodex: Bool
    private var summary = EscapedText()
    /// True when the items are stored.
    let isStored: Bool
    /// What is stored of the finished items, in order.
    private var keptItems: [[UInt8]] = []
    /// The finished items in order; an empty one in the place of a call that waits for its answer.
    private(set) var items: [[UInt8]] = []
    /// Calls of the CLI's own tools that wait for their answers.
    private var waiting: [ResponsesAgentCall] = []
    private let workspace: String
    /// How many items are finished or put by; the open one's index.
    private(set) var count = 0
    /// The open item; nil between items and in blocks that are not shown.
    private(set) var open: Kind?
    /// The open item's id.
    private(set) var id: [UInt8] = []
    /// The open item's text or arguments.
    var text = EscapedText()
    /// What lets the open item's thinking be sent back.
    var signature = EscapedText()
    /// What the open message rests on; nil where nothing is searched for.
    var citations: URLCitations?
    private var search = ResponsesSearch()
    private(set) var callID: JSONText = ""
    /// The open call's tool by its client's name.
    private(set) var name: JSONText = ""
    private var namespace: JSONText?

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        suffix = identity.suffix
        showsThinking = conversation.thinkingShown == .asThinking
        wantsSealed = conversation.wantsSealedThinking
        isStored = conversation.isStored
        workspace = conversation.agent?.workspace ?? ""
        forms = ToolForms(conversation.tools)
        isCompaction = conversation.isCompaction
        isCodex = conversation.isCodex && conversation.streams
        summaries = identity.summaries
        citations = conversation.webSearch.map { _ in URLCitations() }
        search.tellsSources = conversation.wantsSearchSources
    }

    /// True where text goes on in the open message: the vendor cuts it for each of its citations.
    func goesOn(_ block: ReplyBlock) -> Bool { citations != nil && open == .message && block == .text }

    /// Takes what the open search has brought; the block is no item of its own.
    mutating func takeResult(_ block: ReplyBlock) {
        if open == .webSearch, case .other(let raw) = block { search.take(raw, of: callID) }
    }

    /// Opens the item for a block and returns its kind; nil where the block is not shown.
    mutating func begin(_ block: ReplyBlock) -> Kind? {
        text.removeAll()
        signature.removeAll()
        if isCompaction {
            gathersSummary = block == .text
            return nil
        }
        switch block {
        case .text: open = .message
        case .thinking: open = showsThinking ? .reasoning : nil
        case .redactedThinking(let data):
            open = showsThinking && wantsSealed ? .sealed : nil
            signature.append(contentsOf: data)
            if open == nil, isStored { keepHidden(data) }
        case .toolUse(let id, let name):
            callID = id
            open = call(of: name)
        case .agentCall(let id, let name):
            (callID, self.name) = (id, name)
            open = .agentCall
        case .other(let raw):
            let call = ServerToolBlock.call(raw)
            open = call == nil ? nil : .webSearch
            callID = call?.id ?? ""
            search.begin()
        }
        if open == .message {
            citations?.removeAll()
            citations?.beginBlock()
        }
        if let open { setID(open) }
        return open
    }

    private mutating func call(of name: JSONText) -> Kind {
        let tool = forms[name]
        self.name = tool?.clientName?.name ?? name
        namespace = tool?.clientName?.namespace
        return switch tool?.form {
        case .freeText: .freeText
        case .toolSearch: .toolSearch
        case .function, nil: .call
        }
    }

    // MARK: - Summaries

    private var gathersSummary = false

    /// Takes more of a summary; false where an answer is given.
    mutating func takeSummary(_ slice: JSONSlice, of line: Span<UInt8>) -> Bool {
        if isCompaction, gathersSummary { summary.append(slice, of: line) }
        return isCompaction
    }

    /// Opens the item that holds the summary, where a whole one has come; false when there is none.
    mutating func beginSummary(_ end: ReplyEnd) -> Bool {
        guard isCompaction, !end.reason.cutsOff else { return false }
        let words = summary.text.string
        guard words.contains(where: { !$0.isWhitespace }), let sealed = summaries?.seal(words) else { return false }
        summary.removeAll()
        self.text.removeAll()
        self.text.append(contentsOf: JSONText(sealed))
        open = .compaction
        setID(.compaction)
        return true
    }

    /// How the response ends; where a summary was asked for and none has come it has failed.
    func status(_ end: ReplyEnd) -> ResponsesObject.Status {
        if isCodex, let fault = Codex.failure(end) { return .failed(fault) }
        if isCompaction, count == 0 { return .failed(Self.noSummary) }
        return ResponsesObject.status(end)
    }

    private static let noSummary = Fault(
        .badGateway, "The model gave no whole summary of the conversation.", shouldRetry: false)

    // MARK: - Items

    private mutating func setID(_ kind: Kind) {
        id.removeAll(keepingCapacity: true)
        switch kind {
        case .message: id.append("msg_")
        case .reasoning, .sealed: id.append("rs_")
        case .call: id.append("fc_")
        case .freeText: id.append("ctc_")
        case .toolSearch: id.append("tsc_")
        case .compaction: id.append("cmp_")
        case .webSearch: id.append("ws_")
        case .agentCall: id.append("mcp_")
        }
        id += suffix.utf8
        id.append("_")
        id.append(decimal: count)
    }

    /// The open item as it is when nothing of it has come.
    func appendEmptyItem(to out: inout [UInt8]) {
        switch open {
        case .message: appendMessage(status: "in_progress", to: &out) { _ in }
        case .reasoning, .sealed: appendReasoning(isComplete: false, to: &out)
        case .call, .freeText: appendCall(status: "in_progress", arguments: "", to: &out)
        case .toolSearch: appendSearch(status: "in_progress", JSONFragment("{}"), to: &out)
        case .compaction: appendCompaction(to: &out)
        case .webSearch: search.append(id: id, status: "in_progress", input: JSONFragment("{}"), to: &out)
        case .agentCall: agentCall(arguments: "").append(.running, to: &out)
        case nil: break
        }
    }

    /// Stores sealed thinking that the client does not see: the vendor wants it back.
    private mutating func keepHidden(_ data: JSONText) {
        var item: [UInt8] = []
        item.append("{\"id\":\"rs_")
        item += suffix.utf8
        item.append("_h")
        item.append(decimal: keptItems.count)
        item.append("\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"")
        item.append(SealedThinking.redactedPrefix)
        item += data.escaped
        item.append("\"}")
        keptItems.append(item)
    }

    /// What is stored of the finished items, with commas between them; nil when nothing is.
    var kept: [UInt8]? {
        isStored ? Array(keptItems.filter { !$0.isEmpty }.joined(separator: [UInt8(ascii: ",")])) : nil
    }

    /// Finishes the open item and returns its place in `items`. It is whole unless the answer was cut off in it.
    mutating func finishItem(isWhole: Bool) -> Int {
        let status: StaticString = isWhole ? "completed" : "incomplete"
        var item: [UInt8] = []
        switch open {
        case .message: appendMessage(status: status, to: &item) { appendPart(to: &$0) }
        case .reasoning, .sealed: appendReasoning(isComplete: true, to: &item)
        case .call, .freeText: appendCall(status: status, arguments: text.text, to: &item)
        case .toolSearch: appendSearch(status: status, Fragments.arguments(text.text), to: &item)
        case .compaction: appendCompaction(to: &item)
        case .webSearch:
            let end: StaticString = search.hasFailed ? "failed" : status
            search.append(id: id, status: end, input: Fragments.arguments(text.text), to: &item)
        case .agentCall: agentCall(arguments: text.text).append(.unanswered, to: &item)
        case nil: break
        }
        if isStored { keepItem(item) }
        items.append(item)
        open = nil
        count += 1
        return count - 1
    }

    /// Forgets the open item: it is no part of the response.
    mutating func leaveOut() { open = nil }

    private mutating func keepItem(_ shown: [UInt8]) {
        guard open == .reasoning || open == .sealed else { return keptItems.append(shown) }
        var item: [UInt8] = []
        appendReasoning(isComplete: true, withSeal: true, to: &item)
        keptItems.append(item)
    }

    // MARK: - Calls of the CLI's own tools

    private func agentCall(arguments: JSONText) -> ResponsesAgentCall {
        ResponsesAgentCall(
            index: count, keptIndex: keptItems.count, id: id, callID: callID, name: name, arguments: arguments,
            workspace: workspace)
    }

    /// Puts the open call by until its answer has come: other items may begin before that.
    mutating func putBy() {
        waiting.append(agentCall(arguments: text.text))
        items.append([])
        if isStored { keptItems.append([]) }
        open = nil
        count += 1
    }

    /// Finishes the call that this is the answer of, and returns it; nil where none waits for it.
    mutating func answer(_ result: CallResult) -> ResponsesAgentCall? {
        guard let place = waiting.firstIndex(where: { $0.callID == result.id }) else { return nil }
        let call = waiting.remove(at: place)
        finish(call, .answered(result))
        return call
    }

    /// Finishes the calls whose answers will not come, and returns them.
    mutating func giveUpCalls() -> [ResponsesAgentCall] {
        defer { waiting = [] }
        for call in waiting { finish(call, .unanswered) }
        return waiting
    }

    private mutating func finish(_ call: ResponsesAgentCall, _ state: ResponsesAgentCall.State) {
        call.append(state, to: &items[call.index])
        if isStored { keptItems[call.keptIndex] = items[call.index] }
    }

    /// The open message's one part with the text so far.
    func appendPart(to out: inout [UInt8]) {
        out.append("{\"type\":\"output_text\",\"text\":\"")
        out += text.bytes
        out.append("\",\"annotations\":[")
        if let all = citations?.all, !all.isEmpty {
            var json = JSONWriter()
            for citation in all { citation.response(&json) }
            out += json.bytes
        }
        out.append("],\"logprobs\":[]}")
    }

    private func appendMessage(
        status: StaticString,
        to out: inout [UInt8],
        content: (inout [UInt8]) -> Void
    ) {
        out.append("{\"id\":\"")
        out += id
        out.append("\",\"type\":\"message\",\"status\":\"")
        out.append(status)
        out.append("\",\"role\":\"assistant\",\"content\":[")
        content(&out)
        out.append("]}")
    }

    private func appendReasoning(isComplete: Bool, withSeal: Bool = false, to out: inout [UInt8]) {
        out.append("{\"id\":\"")
        out += id
        out.append("\",\"type\":\"reasoning\",\"summary\":[")
        if isComplete, !text.isEmpty {
            out.append("{\"type\":\"summary_text\",\"text\":\"")
            out += text.bytes
            out.append("\"}")
        }
        out.append("]")
        if isComplete, wantsSealed || withSeal, !signature.isEmpty {
            out.append(",\"encrypted_content\":\"")
            out.append(open == .sealed ? SealedThinking.redactedPrefix : SealedThinking.signaturePrefix)
            out += signature.bytes
            out.append("\"")
        }
        out.append("}")
    }

    private func appendCall(status: StaticString, arguments: JSONText, to out: inout [UInt8]) {
        out.append("{\"id\":\"")
        out += id
        out.append(open == .freeText ? "\",\"type\":\"custom_tool_call\"" : "\",\"type\":\"function_call\"")
        out.append(",\"status\":\"")
        out.append(status)
        out.append("\",\"call_id\":\"")
        out += callID.escaped
        if let namespace {
            out.append("\",\"namespace\":\"")
            out += namespace.escaped
        }
        out.append("\",\"name\":\"")
        out += name.escaped
        out.append(open == .freeText ? "\",\"input\":\"" : "\",\"arguments\":\"")
        out += arguments.escaped
        out.append("\"}")
    }

    /// A search's arguments are an object, not the text of one.
    private func appendSearch(status: StaticString, _ arguments: JSONFragment, to out: inout [UInt8]) {
        out.append("{\"id\":\"")
        out += id
        out.append("\",\"type\":\"tool_search_call\",\"execution\":\"client\",\"status\":\"")
        out.append(status)
        out.append("\",\"call_id\":\"")
        out += callID.escaped
        out.append("\",\"arguments\":")
        out += arguments.bytes
        out.append("}")
    }

    private func appendCompaction(to out: inout [UInt8]) {
        out.append("{\"id\":\"")
        out += id
        out.append("\",\"type\":\"compaction\",\"encrypted_content\":\"")
        out += text.bytes
        out.append("\"}")
    }
}
