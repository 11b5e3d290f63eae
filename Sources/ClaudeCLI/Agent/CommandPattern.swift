/// Patterns of commands and paths, in which `*` stands for any rest, nothing included.
enum CommandPattern {
    /// True where the whole of `text` is what the pattern says.
    static func matches(_ pattern: some StringProtocol, _ text: some StringProtocol) -> Bool {
        let pieces = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard pieces.count > 1, let first = pieces.first, let last = pieces.last else { return pattern == text }
        guard text.hasPrefix(first) else { return false }
        var rest = text.dropFirst(first.count)
        for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
            guard let found = rest.firstRange(of: piece) else { return false }
            rest = rest[found.upperBound...]
        }
        return rest.hasSuffix(last) && rest.count >= last.count
    }

    /// Allows a command line where each of its commands is one of the patterns.
    ///
    /// The shell's own ways to run something else, or to write a file, are denied: what they come to cannot be told.
    static func verdict(on line: String, among patterns: [String]) -> AgentPolicy.Verdict {
        guard let parts = parts(of: line) else {
            return .denied(
                "Only plain commands are allowed here, joined by ;, && or |: no substitutions, redirections, groups or "
                    + "background jobs.")
        }
        for part in parts where !patterns.contains(where: { matches($0, part) }) {
            let allowed = patterns.joined(separator: ", ")
            return .denied("The command `\(part.prefix(120))` is not allowed here. Allowed are: \(allowed.prefix(1000)).")
        }
        return .allowed
    }

    /// The simple commands of a line, trimmed; nil where it holds more than those.
    static func parts(of line: String) -> [String]? {
        var parts: [String] = []
        var current = ""
        var quote: Unicode.Scalar?
        // As the shell sees them: to it a mark that combines with a quote or a separator changes nothing of that.
        var characters = Array(line.unicodeScalars)[...]
        func end() {
            let part = current.trimmed
            if !part.isEmpty { parts.append(part) }
            current = ""
        }
        while let character = characters.popFirst() {
            if let open = quote {
                // Within double quotes the shell still substitutes.
                if open == "\"", "$`\\".unicodeScalars.contains(character) { return nil }
                if character == open { quote = nil }
                current.unicodeScalars.append(character)
                continue
            }
            switch character {
            case "'", "\"":
                quote = character
                current.unicodeScalars.append(character)
            case "$", "`", "\\", "(", ")", "{", "}", "<", ">", "#", "~": return nil
            case ";", "\n", "\r": end()
            case "|":
                if characters.first == "|" { characters.removeFirst() }
                end()
            case "&":
                guard characters.first == "&" else { return nil }
                characters.removeFirst()
                end()
            default: current.unicodeScalars.append(character)
            }
        }
        guard quote == nil else { return nil }
        end()
        return parts
    }
}

extension String {
    fileprivate var trimmed: String {
        let blanks: Set<Character> = [" ", "\t"]
        var part = drop { blanks.contains($0) }
        while let last = part.last, blanks.contains(last) { part.removeLast() }
        return String(part)
    }
}
