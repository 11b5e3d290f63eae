/// One `NAME=value` line of a configuration or environment file.
enum AssignmentLine {
    /// The lines that say something, trimmed, with their numbers; blank lines and comments are left out.
    static func lines(of text: String) -> [(number: Int, line: Substring)] {
        // Bytes, not characters: to Swift CR LF is one character, which is no line feed.
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
            .map { ($0 + 1, trim(Substring($1))) }
            .filter { !$1.isEmpty && !$1.hasPrefix("#") }
    }

    /// The name and the value without its quotes; `export` in front is a shell's and means nothing here.
    static func parse(_ line: Substring) throws(ValueProblem) -> (name: String, value: String) {
        let line = withoutExport(line)
        guard let equals = line.firstIndex(of: "=") else { throw ValueProblem("is not NAME=value") }
        let name = trim(line[..<equals])
        guard isName(name) else { throw ValueProblem("\(quoted(String(name))) is no name") }
        var value = trim(line[line.index(after: equals)...])
        if let quote = value.first, quote == "\"" || quote == "'" {
            guard value.count >= 2, value.last == quote else {
                throw ValueProblem("\(name) has an opening quote without its end")
            }
            value = value.dropFirst().dropLast()
        }
        return (String(name), String(value))
    }

    private static func withoutExport(_ line: Substring) -> Substring {
        let word = "export"
        guard line.hasPrefix(word), let next = line.dropFirst(word.count).first, next == " " || next == "\t" else {
            return line
        }
        return trim(line.dropFirst(word.count))
    }

    /// The text without blanks at its ends.
    static func trim(_ text: Substring) -> Substring {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        var bytes = text.utf8.drop(while: isBlank)
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return Substring(bytes)
    }

    /// POSIX.1 §8.1: letters, digits and underscores, no digit first.
    static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
