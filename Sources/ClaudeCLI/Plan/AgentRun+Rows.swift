import Vocabulary

extension AgentRun {
    /// Has the CLI ask behind each call that may have gone into the network whether there is more to be told of it.
    func writeHooks(to rows: inout RowWriter) {
        guard workspace.network != .none, !tools.isDisjoint(with: [.bash, .webFetch]) else { return }
        rows.key("hooks")
        rows.beginObject()
        for event: StaticString in ["PostToolUse", "PostToolUseFailure"] {
            rows.key(event)
            rows.raw("[{\"matcher\":\"Bash|WebFetch\",\"hookCallbackIds\":[\"n\"]}]")
        }
        rows.endObject()
    }

    /// Writes the rules by which the CLI asks before each call of any tool: what it would allow by itself too.
    func writePermissions(to rows: inout RowWriter) {
        rows.key("permissions")
        rows.beginObject()
        rows.key("ask")
        rows.beginArray()
        for name in toolNames { rows.string(name) }
        rows.endArray()
        rows.endObject()
        // Else the CLI asks its vendor about each host, by a way that no run has.
        rows.raw("\"skipWebFetchPreflight\":true")
    }
}
