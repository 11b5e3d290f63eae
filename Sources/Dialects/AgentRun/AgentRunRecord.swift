import Vocabulary

/// What is known of a run while it goes on, and at its end its result.
struct AgentRunRecord: Sendable {
    /// A call that has begun, until its answer has come.
    struct Call: Sendable {
        let id: JSONText
        let name: JSONText
        var input: JSONFragment
    }

    private let id: String
    private let session: String?
    /// The workspace's directory with a slash behind it.
    private let root: String
    private var model = ""
    /// The text of the newest message.
    private var text = EscapedText()
    private var open: ReplyBlock?
    private var arguments = EscapedText()
    private var calls: [Call] = []
    private var callCount = 0
    private var rounds = 0
    private var isBetween = true
    /// What `Write` and `Edit` have changed, and whether there was more of it than is listed.
    private var files: [String] = []
    private var hasMoreFiles = false
    private var denied = JSONWriter()
    private var deniedCount = 0
    private var end: ReplyEnd?
    /// What is known behind the last event.
    var summary: RunSummary?

    /// The most calls and files that are listed, and calls that may be open.
    private static let mostListed = 500

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        id = identity.requestID
        session = conversation.named?.id
        root = (conversation.agent?.root ?? "") + "/"
    }

    /// Takes an event; returns a call that is complete by it.
    mutating func take(_ event: ReplyEvent, of line: Span<UInt8>) -> Call? {
        switch event {
        case .started(let start): model = start.model
        case .blockStarted(let block):
            open = block
            arguments.removeAll()
            if isBetween {
                isBetween = false
                rounds += 1
                text.removeAll()
            }
        case .text(let slice): text.append(slice, of: line)
        case .toolInput(let slice): arguments.append(slice, of: line)
        case .blockStopped:
            defer { open = nil }
            guard case .agentCall(let id, let name) = open else { return nil }
            let call = Call(id: id, name: name, input: Fragments.arguments(arguments.text))
            callCount += 1
            if calls.count < Self.mostListed { calls.append(call) }
            return call
        case .callResult(let result):
            isBetween = true
            note(result)
        case .subagent(let step): note(step)
        case .finished(let end): self.end = end
        case .thinking, .signature, .citation, .failed: break
        }
        return nil
    }

    /// What a sub-agent does counts as the run's own.
    private mutating func note(_ step: SubagentStep) {
        switch step.kind {
        case .begun: rounds += 1
        case .called(let id, let name, let input, let isFirst):
            if isFirst { rounds += 1 }
            callCount += 1
            if calls.count < Self.mostListed { calls.append(Call(id: id, name: name, input: input)) }
        case .answered(let result): note(result)
        }
    }

    private mutating func note(_ result: CallResult) {
        guard let index = calls.firstIndex(where: { $0.id == result.id }) else { return }
        let call = calls.remove(at: index)
        if let reason = result.denial, deniedCount < Self.mostListed {
            deniedCount += 1
            denied.object { json in
                json.member("tool", call.name)
                json.member("input", call.input)
                json.member("reason", JSONText(reason))
            }
        }
        guard !result.isError, ["Write", "Edit"].contains(call.name.string), var path = Self.path(of: call.input) else { return }
        if path.hasPrefix(root) { path = String(path.dropFirst(root.count)) }
        guard !files.contains(path) else { return }
        if files.count < Self.mostListed { files.append(path) } else { hasMoreFiles = true }
    }

    /// All that was changed, those by `Write` and `Edit` first, and whether there is more.
    private var changes: FileReport {
        let known = Set(files)
        let all = files + (summary?.files?.paths ?? []).filter { !known.contains($0) }
        let isPartial = hasMoreFiles || summary?.files?.isPartial == true || all.count > Self.mostListed
        return FileReport(paths: Array(all.prefix(Self.mostListed)), isPartial: isPartial)
    }

    private static func path(of input: JSONFragment) -> String? {
        (try? JSONDocument(parsing: Array(input.bytes)))?.root["file_path"]?.text?.string
    }

    /// The result; nil as long as the run has not finished.
    func result() -> [UInt8]? { end.flatMap { object($0, usage: $0.usage) } }

    /// What a run had come to whose answer is a failure; nil as long as no summary is known.
    func remains() -> [UInt8]? { summary.flatMap { object(nil, usage: end?.usage ?? $0.usage) } }

    private func object(_ end: ReplyEnd?, usage: Usage) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            let isWhole = end?.reason == .endTurn || end?.reason == .stopSequence
            json.member("id", id)
            json.member("success", isWhole)
            json.member("text", text.text)
            json.member("result", text.text)
            if let session { json.member("sessionId", session) }
            json.member("model", model)
            json.member("stopReason", end?.reason.rawValue ?? "error")
            json.member("turns", rounds)
            json.member("toolCalls", callCount)
            json.key("usage")
            json.object { AnthropicMessage.counts(&$0, usage) }
            json.key("cost")
            if let cost = summary?.cost { json.fragment(Self.dollars(cost)) } else { json.null() }
            if let summary { json.member("durationMs", summary.milliseconds) }
            json.key("filesChanged")
            json.beginArray()
            let changes = changes
            for file in changes.paths { json.string(file) }
            json.endArray()
            json.member("filesChangedTruncated", changes.isPartial)
            json.key("deniedCalls")
            json.beginArray()
            if !denied.bytes.isEmpty { json.fragment(JSONFragment(validated: denied.bytes[...])) }
            json.endArray()
        }
        return json.bytes
    }

    /// Dollars with all their digits.
    private static func dollars(_ nano: Int) -> JSONFragment {
        let digits = String(nano % 1_000_000_000)
        let fraction = String(repeating: "0", count: 9 - digits.count) + digits
        return JSONFragment(validated: Array("\(nano / 1_000_000_000).\(fraction)".utf8)[...])
    }
}
