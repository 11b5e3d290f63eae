/// Another name under which the model sees one of the client's tools; the client never sees it.
public struct ToolAlias: Sendable, Equatable {
    /// One argument's name and the one the model sees.
    public struct Argument: Sendable, Equatable {
        /// The client's name.
        public var name: JSONText
        /// The model's.
        public var alias: JSONText

        /// An argument's two names.
        public init(_ name: JSONText, as alias: JSONText) {
            self.name = name
            self.alias = alias
        }
    }

    /// The client's name.
    public var name: JSONText
    /// The model's, which no other tool of the request may have.
    public var alias: JSONText
    /// The arguments that have another name as well.
    public var arguments: [Argument]

    /// A tool's two names.
    public init(_ name: JSONText, as alias: JSONText, arguments: [Argument] = []) {
        self.name = name
        self.alias = alias
        self.arguments = arguments
    }
}
