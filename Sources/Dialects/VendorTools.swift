/// Tools that the vendor of OpenAI's dialects would run by itself.
enum VendorTools {
    /// True for the types of such tools, whatever the date behind their names.
    static func isVendorRun(_ type: String) -> Bool {
        types.contains(type) || type.hasPrefix("web_search_")
    }

    private static let types: Set<String> = [
        "web_search", "file_search", "code_interpreter", "image_generation", "mcp", "programmatic_tool_calling",
    ]
}
