import Vocabulary

extension ActiveServers {
    /// The id of the request that hands them over.
    static let requestID: StaticString = "m"

    /// The id of the request that asks what has become of them.
    static let statusID: StaticString = "v"

    /// Writes the row that makes them the CLI's servers; the client's own tools must be named again, or they
    /// would be taken away.
    func write(to rows: inout RowWriter, withClientTools: Bool) {
        rows.controlRequest("mcp_set_servers", id: Self.requestID) { rows in
            rows.key("servers")
            rows.beginObject()
            if withClientTools {
                rows.key(ClientTools.ServerName.first.text)
                rows.raw("{\"type\":\"sdk\",\"name\":\"c\"}")
            }
            for server in servers {
                rows.key(text: JSONText(server.name))
                rows.fragment(server.definition)
            }
            rows.endObject()
        }
    }

    /// Writes the row that asks for their state and tools: of a server that starts and then does not tell its
    /// tools the CLI says nothing, and the model would be asked without them.
    func writeStatus(to rows: inout RowWriter) {
        rows.controlRequest("mcp_status", id: Self.statusID)
    }

    /// Writes the rule that lets the model call their tools; without it the CLI would refuse each call.
    func writePermissions(to rows: inout RowWriter) {
        guard !isEmpty else { return }
        rows.key("permissions")
        rows.beginObject()
        rows.key("allow")
        rows.beginArray()
        for server in servers { rows.string("mcp__\(server.name)") }
        rows.endArray()
        rows.endObject()
    }

    /// Refuses a tool of the client's that would pass for one of theirs.
    func check(_ tools: [Tool]) throws(Refusal) {
        guard !isEmpty else { return }
        for (index, tool) in tools.enumerated() where owns(tool.name) {
            let path = "tools[\(index)].name"
            throw Refusal(
                .invalidRequest, "\(path): names of this form belong to the MCP servers of this request",
                param: path)
        }
    }
}
