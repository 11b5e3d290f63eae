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

    /// Writes what sub-agents are, where the run may have any: they have its model and its tools, but for the one that starts
    /// others.
    func writeSubagents(to rows: inout RowWriter) {
        guard tools.contains(.agent) else { return }
        rows.key("agents")
        rows.beginObject()
        rows.key("general-purpose")
        rows.beginObject()
        rows.member("description", "Does a part of the work by itself, with the same tools, and reports what came of it.")
        rows.member(
            "prompt",
            "You do one part of a larger task by yourself. Nobody can answer questions meanwhile. When you are done, report "
                + "briefly what you did and what you found, with the paths that matter.")
        rows.key("tools")
        rows.beginArray()
        for name in toolNames where name != AgentTool.agent.rawValue { rows.string(name) }
        rows.endArray()
        rows.member("model", "inherit")
        rows.member("maxTurns", maxTurns)
        rows.endObject()
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
