import Vocabulary

extension CallResult {
    /// The results in the raw array of a user message's content, as the CLI reports what its tools have answered.
    static func list(_ content: JSONSlice, of line: Span<UInt8>) -> [CallResult] {
        let bytes = Array(content.text(in: line).escaped)
        guard let document = try? JSONDocument(parsing: bytes, limits: JSONLimits(depth: 256, values: .max)) else { return [] }
        return document.root.elements.compactMap { block in
            guard block["type"]?.text?.matches("tool_result") == true, let id = block["tool_use_id"]?.text else { return nil }
            return CallResult(
                id: id, isError: block["is_error"]?.bool ?? false, content: block["content"]?.fragment ?? JSONFragment("\"\""))
        }
    }
}
