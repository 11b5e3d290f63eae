import Vocabulary

/// The members of a response that repeat its request, with the vendor's defaults for what was not said.
enum ResponsesEcho {
    private typealias Member = (key: JSONText, value: JSONFragment)

    static func members(
        _ root: JSONValue,
        _ conversation: inout Conversation
    ) throws(Refusal) -> [(key: JSONText, value: JSONFragment)] {
        let none = JSONFragment("null")
        var members: [Member] = [
            // Codex reads neither of the two, and each of its streams would hold them three times.
            ("instructions", conversation.isCodex ? none : fragment(root, "instructions", none)),
            ("max_output_tokens", try integer(root, "max_output_tokens") ?? none),
            ("max_tool_calls", try integer(root, "max_tool_calls") ?? none),
            ("parallel_tool_calls", fragment(root, "parallel_tool_calls", JSONFragment("true"))),
            ("previous_response_id", fragment(root, "previous_response_id", none)),
            ("reasoning", try reasoning(root)),
            // Whatever was asked: tiers that cannot be had are named as ignored.
            ("service_tier", JSONFragment("\"default\"")),
            // What is done, not what was asked: an answer that says otherwise would be asked for later.
            ("store", conversation.isStored ? JSONFragment("true") : JSONFragment("false")),
            ("temperature", fragment(root, "temperature", JSONFragment("1.0"))),
            ("text", try text(root)),
            ("tool_choice", fragment(root, "tool_choice", JSONFragment("\"auto\""))),
            ("tools", conversation.isCodex ? JSONFragment("[]") : try tools(root)),
            ("top_logprobs", try integer(root, "top_logprobs") ?? JSONFragment("0")),
            ("top_p", fragment(root, "top_p", JSONFragment("1.0"))),
            ("truncation", try truncation(root, &conversation)),
            ("metadata", try metadata(root, &conversation)),
        ]
        if let named = conversation.named {
            members.append(("conversation", object { $0.member("id", named.id) }))
        }
        try addNames(root, to: &members)
        return members
    }

    private static func fragment(
        _ root: JSONValue,
        _ key: StaticString,
        _ fallback: JSONFragment
    ) -> JSONFragment {
        root.optional(key)?.fragment ?? fallback
    }

    private static func integer(_ root: JSONValue, _ key: StaticString) throws(Refusal) -> JSONFragment? {
        guard let value = root.optional(key) else { return nil }
        return JSONFragment(integer: try value.requireInteger())
    }

    /// Who asks, in the caller's own names; absent unless given, since null is not allowed for all of them.
    private static func addNames(_ root: JSONValue, to members: inout [Member]) throws(Refusal) {
        if let user = root.optional("user") {
            members.append(("user", try user.expect(.string).fragment))
        }
        if let name = root.optional("safety_identifier") {
            members.append(("safety_identifier", try name.expect(.string).fragment))
        }
        if let key = root.optional("prompt_cache_key") {
            members.append(("prompt_cache_key", try key.expect(.string).fragment))
        }
    }

    private static func truncation(
        _ root: JSONValue,
        _ conversation: inout Conversation
    ) throws(Refusal) -> JSONFragment {
        guard let value = root.optional("truncation") else { return JSONFragment("\"disabled\"") }
        if try RequestFields.word(value, of: ["auto", "disabled"]) == "auto" {
            conversation.ignore("truncation")
        }
        return value.fragment
    }

    private static func metadata(
        _ root: JSONValue,
        _ conversation: inout Conversation
    ) throws(Refusal) -> JSONFragment {
        guard let value = try root.optional("metadata")?.expect(.object) else { return JSONFragment("{}") }
        for (_, member) in value.members { _ = try member.requireText() }
        conversation.metadata = value.fragment
        return value.fragment
    }

    private static func reasoning(_ root: JSONValue) throws(Refusal) -> JSONFragment {
        let reasoning = root.optional("reasoning")
        return object { writer in
            writer.key("effort")
            write(reasoning?.optional("effort"), to: &writer)
            writer.key("summary")
            write(reasoning?.optional("summary"), to: &writer)
        }
    }

    private static func text(_ root: JSONValue) throws(Refusal) -> JSONFragment {
        let text = root.optional("text")
        return object { writer in
            writer.member("format", text?.optional("format")?.fragment ?? JSONFragment("{\"type\":\"text\"}"))
            writer.member("verbosity", text?.optional("verbosity")?.fragment ?? JSONFragment("\"medium\""))
        }
    }

    /// Function tools with all of the members that the response's own type demands; others as they stand.
    private static func tools(_ root: JSONValue) throws(Refusal) -> JSONFragment {
        let list = try RequestFields.list(root, "tools")
        var writer = JSONWriter()
        writer.beginArray()
        for tool in list {
            guard tool["type"]?.text?.matches("function") == true else {
                writer.fragment(tool.fragment)
                continue
            }
            writer.object { writer in
                for (key, value) in tool.members {
                    writer.member(key, value.fragment)
                }
                if tool["description"] == nil { writer.raw("\"description\":null") }
                if tool["parameters"] == nil { writer.raw("\"parameters\":null") }
                if tool["strict"] == nil { writer.raw("\"strict\":null") }
            }
        }
        writer.endArray()
        return JSONFragment(validated: writer.bytes[...])
    }

    private static func write(_ value: JSONValue?, to writer: inout JSONWriter) {
        if let value { writer.fragment(value.fragment) } else { writer.null() }
    }

    private static func object(_ write: (inout JSONWriter) -> Void) -> JSONFragment {
        var writer = JSONWriter()
        writer.object(write)
        return JSONFragment(validated: writer.bytes[...])
    }
}
