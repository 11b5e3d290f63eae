import Glibc
import Vocabulary

/// The answers to control requests.
extension Standin {
    /// Requests that are granted without doing anything.
    private static let silentlyGranted = [
        "interrupt", "set_permission_mode", "set_max_thinking_tokens", "end_session",
    ]

    mutating func answerControl(_ row: Row) {
        let isRefused = perform(at: row.subtype)
        state.requestID = row.requestID
        if row.subtype == "rewind_conversation" {
            rewind(row, isRefused: isRefused)
        } else if isRefused {
            output.line(Template.controlRefused, &state)
        } else {
            grant(row)
        }
        output.flush()
    }

    private mutating func grant(_ row: Row) {
        var template = Template.controlSuccess
        switch row.subtype {
        case "initialize":
            memory.initialize(row.request)
            template = Template.initialized
        case "get_context_usage": template = Template.contextUsage
        case "apply_flag_settings":
            guard let settings = row.request?["settings"] else { break }
            memory.apply(settings)
            setModel(settings)
        case "set_model":
            if let text = row.request?["system_prompt"]?.text { memory.replaceSystem(text) }
            if let request = row.request { setModel(request) }
        case "mcp_set_servers":
            if let servers = row.request?["servers"], !servers.members.contains(where: { _ in true }) { memory.clearTools() }
        case let subtype where !Self.silentlyGranted.contains(subtype):
            state.text = Array(subtype.utf8)
            template = Template.controlUnsupported
        default: break
        }
        output.line(template, &state)
    }

    private mutating func setModel(_ settings: JSONValue) {
        if let model = settings["model"]?.text { state.model = TurnState.resolve(model.string) }
    }

    private mutating func rewind(_ row: Row, isRefused: Bool) {
        let target = row.request?["target_message_uuid"]?.text
        let last = row.request?["last_seen_user_message_uuid"]?.text
        guard let reason = isRefused ? "state_changed" : memory.rewind(to: target, lastSeen: last) else {
            return output.line(Template.rewound, &state)
        }
        state.text = Array(reason.utf8)
        output.line(Template.notRewound, &state)
    }

    /// Does what `standin:at EVENT DEED` asked for; true where the event is to be refused.
    mutating func perform(at event: String) -> Bool {
        switch deeds.removeValue(forKey: event) {
        case "die": exit(1)
        case "hang": sleepForever()
        case "late":
            for template in [Template.delta, Template.assistant, Template.rateLimit] {
                state.text = Array("A late word.".utf8)
                output.line(template, &state)
            }
            output.flush()
            return false
        case let deed: return deed == "refuse"
        }
    }
}
