/// What the output of a command tells of its walls.
///
/// The kernel tells nobody but the program what it has refused to it; what the program around the shell knows, it says in a
/// line of its own. A command can say the same of itself, or keep silent: this is for information, and nothing rests on it.
enum WallRefusal {
    /// How the line of the program around the shell begins.
    static let beginning = "portcullis: the walls of this workspace refused: "

    /// How programs say that the kernel has refused something; some begin with a small letter.
    private static let words = [
        "permission denied", "operation not permitted", "cross-device link", "file too large", "resource temporarily unavailable",
        "cannot allocate memory", "cannot fork", "can't start new thread", "eagain", "address family not supported",
    ]
    /// How much of an output is looked at, from either end.
    private static let most = 32 << 10

    /// The reason to give for a call whose output is `text`; nil where it tells of nothing refused.
    static func told(in text: String, isError: Bool) -> String? {
        let bytes = text.utf8
        let parts = bytes.count <= 2 * most ? [text] : [String(decoding: bytes.prefix(most), as: UTF8.self), String(decoding: bytes.suffix(most), as: UTF8.self)]
        let lines = parts.flatMap { $0.split(whereSeparator: \.isNewline) }
        let spoken = lines.first { tells($0, isError: isError) }.map { "Within the walls of this workspace something was refused: \($0.prefix(300))" }
        if let line = lines.last(where: { $0.hasPrefix(beginning) }) {
            return "The walls of this workspace refused: \(line.dropFirst(beginning.count).prefix(300))" + (spoken.map { ". \($0)" } ?? "")
        }
        // 128 and the signal by which the kernel ends what writes too large a file, as what it says itself may be.
        if isError, lines.first == "Exit code 153" { return "The walls of this workspace refused: a file as large as that" }
        return spoken
    }

    /// True for a line as `cat: /etc/shadow: Permission denied`; of a command that has failed, for whatever has such words.
    private static func tells(_ line: Substring, isError: Bool) -> Bool {
        // A shell says so of what a signal has ended, and ends no line.
        if line.contains("File size limit exceeded") { return true }
        let line = line.lowercased()
        return words.contains { word in
            guard !isError else { return line.contains(word) }
            guard line.contains(":") else { return false }
            return line.hasSuffix(word) || [":", " (", ","].contains { line.contains(word + $0) } || line.contains("] \(word)")
                || line.contains("(\(word))")
        }
    }
}
