import Vocabulary

/// The calls of the CLI's own tools in one turn, from their beginning until they are answered, and why they were denied.
///
/// The gateway is asked about most calls and says no itself. Of some the CLI says no before it asks; and what a shell runs
/// its walls refuse. Neither may look like a mere failure.
struct AgentCalls {
    private let policy: AgentPolicy
    private var open: Call?
    private var waiting: [String: Call] = [:]
    /// Why calls were denied, by their ids, until their results have come.
    private var denials: [String: String] = [:]

    private struct Call {
        let id: String
        let name: String
        /// Its arguments, escaped; nil where they are too many to be looked at.
        var input: [UInt8]? = []
        var hasEscapes = false
    }

    /// How many calls are waited for, and how much of the arguments of one is kept.
    private static let mostCalls = 1024
    private static let mostInput = 64 << 10

    init(_ policy: AgentPolicy) { self.policy = policy }

    /// Notes that the gateway has denied a call.
    mutating func noteDenial(of call: JSONText, for reason: String) {
        if denials.count < Self.mostCalls { denials[call.string] = reason }
    }

    /// Notes an event; the same, in which a result says why its call was denied.
    mutating func pass(_ event: ReplyEvent, of line: Span<UInt8>) -> ReplyEvent {
        switch event {
        case .blockStarted(.agentCall(let id, let name)): open = Call(id: id.string, name: name.string)
        case .toolInput(let slice): take(slice, of: line)
        case .blockStopped:
            if let call = open { wait(for: call) }
            open = nil
        case .callResult(let result): return .callResult(explained(result))
        case .subagent(var step):
            switch step.kind {
            case .begun: break
            case .called(let id, let name, let input, _):
                let known = input.bytes.count <= Self.mostInput ? Array(input.bytes) : nil
                wait(for: Call(id: id.string, name: name.string, input: known))
            case .answered(let result): step.kind = .answered(explained(result))
            }
            return .subagent(step)
        default: break
        }
        return event
    }

    private mutating func wait(for call: Call) {
        if waiting.count < Self.mostCalls { waiting[call.id] = call }
    }

    /// The same result, which says why its call was denied.
    private mutating func explained(_ result: CallResult) -> CallResult {
        var result = result
        let id = result.id.string
        let call = waiting.removeValue(forKey: id)
        result.denial = denials.removeValue(forKey: id) ?? call.flatMap { denial(of: $0, result) }
        return result
    }

    private mutating func take(_ slice: JSONSlice, of line: Span<UInt8>) {
        guard let count = open?.input?.count else { return }
        guard count + slice.count <= Self.mostInput else {
            open?.input = nil
            return
        }
        open?.input?.append(contentsOf: slice.text(in: line).escaped)
        if slice.hasEscapes { open?.hasEscapes = true }
    }

    private func denial(of call: Call, _ result: CallResult) -> String? {
        let tool = AgentTool(rawValue: call.name)
        // Of a pattern that leads out the CLI says no more than that it has found nothing.
        if result.isError || tool == .glob, let input = Self.arguments(of: call),
            case .denied(let reason) = policy.verdict(on: call.name, input)
        {
            return reason
        }
        guard tool?.runsPrograms == true else { return nil }
        return WallRefusal.told(in: result.text, isError: result.isError)
    }

    /// An empty object where they cannot be read, which is no tool's.
    private static func arguments(of call: Call) -> JSONValue? {
        let text = call.input.map { JSONText(escaped: $0[...], hasEscapes: call.hasEscapes).string } ?? "{}"
        return (try? JSONDocument(parsing: Array(text.utf8), limits: JSONLimits(depth: 256, values: .max)))?.root
            ?? (try? JSONDocument(parsing: Array("{}".utf8)))?.root
    }
}
