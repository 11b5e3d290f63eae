import Glibc

/// Paths of a workspace: where one leads, links followed, and whether that is inside.
public enum WorkspacePath {
    /// Where `path` leads, read from `directory` if it is relative: absolute, without links and `..`; what does not exist
    /// yet is taken as it is written. Nil where it cannot be followed, or leads to two places.
    ///
    /// The kernel follows a link before it goes up by `..`; the CLI goes up in the text, and some of its tools take blanks
    /// around a path away first. What each would take for another file is none that could be allowed.
    public static func resolve(_ path: String, from directory: String) -> String? {
        // The CLI takes `~` for its home, which no run has a use for.
        guard !path.utf8.contains(0), path.utf8.count < maxBytes, !path.hasPrefix("~"), !hasBlanks(path) else { return nil }
        let absolute = path.hasPrefix("/") ? path : directory + "/" + path
        let parts = absolute.split(separator: "/").filter { $0 != "." }
        guard let place = follow(parts) else { return nil }
        return parts.contains("..") && follow(written(parts)) != place ? nil : place
    }

    private static let maxBytes = 4096
    /// O_PATH, which only C that asks for the GNU library's own sees.
    private static let pathAlone: Int32 = 0o10000000

    private static func hasBlanks(_ path: String) -> Bool {
        path.first?.isWhitespace == true || path.last?.isWhitespace == true || path.unicodeScalars.first == "\u{FEFF}"
            || path.unicodeScalars.last == "\u{FEFF}"
    }

    /// The parts without `..`, each having taken the one before with it.
    private static func written(_ parts: [Substring]) -> [Substring] {
        var written: [Substring] = []
        for part in parts {
            if part == ".." { _ = written.popLast() } else { written.append(part) }
        }
        return written
    }

    /// The place of the longest beginning that is there, and the rest as it is written.
    ///
    /// Asked for by halves: there can be two thousand parts, and each question takes the kernel through all before.
    private static func follow(_ parts: [Substring]) -> String? {
        var (there, missing) = (0, parts.count + 1)
        while there + 1 < missing {
            let middle = (there + missing) / 2
            if place(of: parts[..<middle]) != nil {
                there = middle
            } else {
                // Closed, no directory, or links in a circle.
                guard errno == ENOENT else { return nil }
                missing = middle
            }
        }
        guard let place = place(of: parts[..<there]) else { return nil }
        // A link that leads nowhere would be followed by whoever writes to it.
        if there < parts.count, isLink(place + "/" + parts[there]) { return nil }
        return "/" + written(place.split(separator: "/") + parts[there...]).joined(separator: "/")
    }

    /// Where what exists leads; nil with errno set.
    private static func place(of parts: ArraySlice<Substring>) -> String? {
        let file = unsafe open("/" + parts.joined(separator: "/"), pathAlone | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: maxBytes)
        let count = unsafe text.withUnsafeMutableBytes { bytes -> Int in
            guard let start = bytes.baseAddress else { return -1 }
            return unsafe readlink("/proc/self/fd/\(file)", start, maxBytes)
        }
        // A name that is no text is nobody's whom the CLI could ask about.
        return count > 0 && count < maxBytes ? String(validating: text[..<count], as: UTF8.self) : nil
    }

    /// What of `place` lies beneath `directory`, without a slash in front; nil where it lies elsewhere.
    public static func part(of place: String, beneath directory: String) -> String? {
        if place == directory { return "" }
        guard place.hasPrefix(directory + "/") else { return nil }
        return String(place.dropFirst(directory.count + 1))
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }
}

extension WorkspacePath {
    /// True for a directory that is no link.
    public static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
