import Vocabulary

/// Tools that OpenAI itself would run; they cannot be had here.
enum VendorTools {
    /// True for the type of such a tool, dated or not; what a client runs itself, and whatever is unknown, is none.
    static func isVendorRun(_ type: JSONText) -> Bool {
        let names: [StaticString] = [
            "web_search", "file_search", "code_interpreter", "image_generation", "mcp", "programmatic_tool_calling",
        ]
        return names.contains { type.matches($0) } || type.string.hasPrefix("web_search_")
    }
}
