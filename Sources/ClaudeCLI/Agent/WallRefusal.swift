/// What the output of a command tells of its walls.
///
/// The kernel tells nobody but the program what it has refused to it; of the network and of files' modes the program around
/// the shell knows, and says so in a line of its own. A command can say the same of itself, or keep silent: this is for
/// information, and nothing rests on it.
enum WallRefusal {
    /// How the line of the program around the shell begins.
    static let beginning = "portcullis: the walls of this workspace refused: "

    /// How programs say that the kernel has refused something.
    private static let words = [
        "Permission denied", "Operation not permitted", "Invalid cross-device link", "File too large",
        "Resource temporarily unavailable", "Cannot allocate memory",
    ]
    /// How much of an output is looked at, from either end.
    private static let most = 32 << 10

    /// The reason to give for a call whose output is `text`; nil where it tells of nothing refused.
    static func told(in text: String, isError: Bool) -> String? {
        let bytes = text.utf8
        let parts = bytes.count <= 2 * most ? [text] : [String(decoding: bytes.prefix(most), as: UTF8.self), String(decoding: bytes.suffix(most), as: UTF8.self)]
        let lines = parts.flatMap { $0.split(whereSeparator: \.isNewline) }
        if let line = lines.last(where: { $0.hasPrefix(beginning) }) {
            return "The walls of this workspace refused: \(line.dropFirst(beginning.count).prefix(300))"
        }
        // 128 and the signal by which the kernel ends what writes too large a file.
        if isError, lines.first == "Exit code 153" { return "The walls of this workspace refused: a file as large as that" }
        guard let line = lines.first(where: tells) else { return nil }
        return "Within the walls of this workspace something was refused: \(line.prefix(300))"
    }

    /// True for a line as `cat: /etc/shadow: Permission denied`.
    private static func tells(_ line: Substring) -> Bool {
        // A shell says so of what a signal has ended, and ends no line.
        if line.contains("File size limit exceeded") { return true }
        guard line.contains(":") else { return false }
        return words.contains { word in line.hasSuffix(word) || line.contains(word + ":") || line.contains("] \(word)") || line.contains(word + " (") }
    }
}
