import Vocabulary

extension AgentRun {
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
