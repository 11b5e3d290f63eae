/// The sections of OpenClaw's system prompt that explain its tools and commands by its own names.
enum ToolingSections {
    /// Their headings, of the second level.
    private static let headings: Set<Substring> = [
        "## Tooling", "## Tool Call Style", "## OpenClaw CLI Quick Reference", "## OpenClaw Self-Update",
    ]

    /// The text without them: each from its heading to the next of the first or second level. A heading inside
    /// a code fence is none; a fence that is never closed reaches to the end, as in Markdown.
    static func removed(from text: String) -> String {
        var kept: [Substring] = []
        var fence: Fence?
        var isInside = false
        // Bytes, not characters: to Swift CR LF is one character, which is no line feed.
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for line in lines.map(Substring.init) {
            if let open = fence {
                if open.isClosed(by: line) { fence = nil }
            } else if let opened = Fence(line) {
                fence = opened
            } else if line.hasPrefix("## ") || line.hasPrefix("# ") {
                isInside = headings.contains(trimmed(line))
            }
            if !isInside { kept.append(line) }
        }
        return kept.joined(separator: "\n")
    }

    private static func trimmed(_ line: Substring) -> Substring {
        var line = line
        while let last = line.last, last.isWhitespace { line.removeLast() }
        return line
    }

    /// The line that opens a block of code (CommonMark §4.5).
    private struct Fence {
        let mark: Character
        let count: Int

        init?(_ line: Substring) {
            let text = Self.withoutIndent(line)
            guard let first = text.first, first == "`" || first == "~" else { return nil }
            mark = first
            count = text.prefix { $0 == first }.count
            guard count >= 3, first == "~" || !text.dropFirst(count).contains("`") else { return nil }
        }

        func isClosed(by line: Substring) -> Bool {
            let text = Self.withoutIndent(line)
            return text.prefix { $0 == mark }.count >= count
                && text.drop { $0 == mark }.allSatisfy(\.isWhitespace)
        }

        /// Four blanks would make it a block of code of another kind.
        private static func withoutIndent(_ line: Substring) -> Substring {
            let indent = line.prefix { $0 == " " }.count
            return indent < 4 ? line.dropFirst(indent) : ""
        }
    }
}
