/// A search of the web that the vendor's own tool runs within an answer.
public struct WebSearch: Sendable, Equatable {
    /// The tool's name, for the model and in the vendor's blocks.
    public static let name = "web_search"

    /// The tool as the vendor takes it.
    public var tool: JSONFragment
    /// How often it may be used, as the tool says.
    public var maxUses: Int
    /// Where the request asks for it.
    public var path: String

    /// True where the model is to search before it answers; it is told in words.
    public var isDemanded = false

    /// A search asked for at `path`.
    public init(tool: JSONFragment, maxUses: Int, path: String) {
        self.tool = tool
        self.maxUses = maxUses
        self.path = path
    }
}
