/// A tool that the client runs itself.
public struct Tool: Sendable, Equatable {
    /// Its name, as the model sees it.
    public var name: JSONText
    /// What it does.
    public var description: JSONText?
    /// The JSON Schema of its arguments, unchanged.
    public var schema: JSONFragment
    /// Where in the request it is described, where that is not its place in the list.
    public var path: String?
    /// How the client wants to be called.
    public var form = ToolForm.function
    /// The client's own name for it, where that is not the model's.
    public var clientName: NamespacedName?

    /// A function.
    public init(name: JSONText, description: JSONText?, schema: JSONFragment, path: String? = nil) {
        self.name = name
        self.description = description
        self.schema = schema
        self.path = path
    }
}

/// How a client is called that offers a tool; to the model each is a function.
public enum ToolForm: Sendable, Equatable {
    /// With a JSON object of arguments.
    case function
    /// With plain text, which is the model's one argument `input` (OpenAI's custom tools).
    case freeText
    /// As a search for further tools (Responses, `tool_search`).
    case toolSearch
}

/// A tool's name within a client's namespace.
public struct NamespacedName: Sendable, Equatable {
    /// The namespace; nil for none.
    public var namespace: JSONText?
    /// The name within it.
    public var name: JSONText

    /// A name.
    public init(_ name: JSONText, in namespace: JSONText? = nil) {
        self.namespace = namespace
        self.name = name
    }
}
