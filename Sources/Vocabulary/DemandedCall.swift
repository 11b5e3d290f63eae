/// A call that the client demands of a model that nobody can force to call.
///
/// The model is told in words, and where the arguments fit the vendor's grammar an answer in text can only be the
/// call's arguments, from which the call is made.
public struct DemandedCall: Sendable, Equatable {
    /// A tool whose arguments the vendor's grammar can describe.
    public struct Form: Sendable, Equatable {
        /// The tool's name.
        public var name: JSONText
        /// The schema of its arguments in the grammar's words, an object without definitions of its own.
        public var arguments: JSONFragment

        /// A form.
        public init(name: JSONText, arguments: JSONFragment) {
            self.name = name
            self.arguments = arguments
        }
    }

    /// How an answer in text is read.
    public enum Reading: Sendable, Equatable {
        /// The text is the arguments of this tool.
        case arguments(of: JSONText)
        /// The text is an object that names the tool and holds its arguments.
        case wrapped
    }

    /// The tools one of which must be called.
    public var names: [JSONText]
    /// True when it must be this very tool: one of a registered server is no substitute.
    public var isNamed: Bool
    /// All of the tools as forms; empty where one of them fits no grammar, or the client asked for another format.
    public var forms: [Form] = []
    /// The definitions that the forms refer to, an object; nil when they refer to none.
    public var definitions: JSONFragment?

    /// A demand for a call of one of these tools.
    public init(names: [JSONText], isNamed: Bool) {
        self.names = names
        self.isNamed = isNamed
    }

    /// How an answer in text is read; nil when it cannot be the call.
    public var reading: Reading? {
        guard let first = forms.first else { return nil }
        return forms.count == 1 ? .arguments(of: first.name) : .wrapped
    }

    /// The format that makes an answer in text readable; nil when there is none.
    public var format: OutputFormat? {
        guard let first = forms.first else { return nil }
        var json = JSONWriter()
        if forms.count == 1 {
            guard let definitions else { return .jsonSchema(first.arguments) }
            json.raw("")
            json.bytes.append(contentsOf: first.arguments.bytes.dropLast())
            json.member("$defs", definitions)
            json.endObject()
        } else {
            wrap(into: &json)
        }
        return .jsonSchema(JSONFragment(validated: json.bytes[...]))
    }

    private func wrap(into json: inout JSONWriter) {
        json.beginObject()
        json.raw("\"type\":\"object\"")
        json.key("properties")
        json.beginObject()
        json.key("call")
        json.beginObject()
        json.key("anyOf")
        json.beginArray()
        for form in forms {
            json.beginObject()
            json.raw("\"type\":\"object\"")
            json.key("properties")
            json.beginObject()
            json.key("tool")
            json.beginObject()
            json.raw("\"type\":\"string\"")
            json.key("enum")
            json.beginArray()
            json.string(form.name)
            json.endArray()
            json.endObject()
            json.member("arguments", form.arguments)
            json.endObject()
            json.raw("\"required\":[\"tool\",\"arguments\"],\"additionalProperties\":false")
            json.endObject()
        }
        json.endArray()
        json.endObject()
        json.endObject()
        json.raw("\"required\":[\"call\"],\"additionalProperties\":false")
        if let definitions { json.member("$defs", definitions) }
        json.endObject()
    }
}
