import Vocabulary

/// Writes the events of a run: numbered, so that a client that has lost its connection can ask for those behind the last
/// one that it has had.
struct AgentRunStream: ReplyEncoder {
    private let identity: ReplyIdentity
    private let session: String?
    private var record: AgentRunRecord
    private var number = 0
    /// What is known behind the last event, where the caller sets it before the end.
    var summary: RunSummary? {
        get { record.summary }
        set { record.summary = newValue }
    }
    /// Its end waits for what is known behind it: what it has cost, and what it has changed.
    var isStored: Bool { true }

    init(_ conversation: Conversation, _ identity: ReplyIdentity) {
        self.identity = identity
        session = conversation.named?.id
        record = AgentRunRecord(conversation, identity)
    }

    mutating func encode(_ event: ReplyEvent, of line: Span<UInt8>, into out: inout [UInt8]) {
        let call = record.take(event, of: line)
        switch event {
        case .started(let start):
            self.event("session", &out) { [session] json in
                if let session { json.member("sessionId", session) }
                json.member("model", start.model)
            }
        case .text(let slice): self.event("text", &out) { $0.member("text", slice.text(in: line)) }
        case .thinking(let slice):
            guard slice.count > 0 else { return }
            self.event("thinking", &out) { $0.member("text", slice.text(in: line)) }
        case .blockStopped:
            if let call { tell(call, of: nil, &out) }
        case .callResult(let result): tell(result, of: nil, &out)
        case .subagent(let step):
            switch step.kind {
            case .begun: return
            case .called(let id, let name, let input, _):
                tell(AgentRunRecord.Call(id: id, name: name, input: input), of: step.parent, &out)
            case .answered(let result): tell(result, of: step.parent, &out)
            }
        case .finished:
            guard let result = record.result() else { return }
            begin("result", &out)
            out += result
            out.append("\n\n")
        case .failed(let fault):
            begin("error", &out)
            out += ErrorReply(fault, dialect: .agentRun, requestID: identity.requestID, run: record.remains()).body
            out.append("\n\n")
        case .blockStarted, .toolInput, .signature, .citation: break
        }
    }

    /// A call of the run's own, or of the sub-agent that works for the call `parent`.
    private mutating func tell(_ call: AgentRunRecord.Call, of parent: JSONText?, _ out: inout [UInt8]) {
        event("tool", &out) { json in
            json.member("id", call.id)
            if let parent { json.member("parent", parent) }
            json.member("name", call.name)
            json.member("input", call.input)
        }
    }

    private mutating func tell(_ result: CallResult, of parent: JSONText?, _ out: inout [UInt8]) {
        event("tool_result", &out) { json in
            json.member("id", result.id)
            if let parent { json.member("parent", parent) }
            json.member("isError", result.isError)
            if let denial = result.denial { json.member("denied", JSONText(denial)) }
            json.member("content", result.content)
        }
    }

    private mutating func event(_ name: StaticString, _ out: inout [UInt8], _ body: (inout JSONWriter) -> Void) {
        begin(name, &out)
        var json = JSONWriter()
        json.object { body(&$0) }
        out += json.bytes
        out.append("\n\n")
    }

    private mutating func begin(_ name: StaticString, _ out: inout [UInt8]) {
        number += 1
        out.append("id: ")
        out.append(decimal: number)
        out.append("\nevent: ")
        out.append(name)
        out.append("\ndata: ")
    }
}
