import Glibc
import TestSupport

/// One line of one source file.
struct Line: CustomStringConvertible {
    let file: SourceFile
    /// Counted from zero.
    let index: Int

    var text: String { file.lines[index] }

    /// The text without the blanks around it and without a comment behind code.
    var code: String {
        let trimmed = text.trimmed
        if trimmed.hasPrefix("//") { return "" }
        guard let comment = trimmed.split(separator: " // ", maxSplits: 1).first else { return trimmed }
        return String(comment)
    }

    /// The names and words of the code.
    var words: [String] {
        code.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
    }

    var description: String { "\(file.path):\(index + 1): \(text.trimmed)" }
}

/// A Swift file of the tree.
struct SourceFile: Sendable {
    /// Below the root.
    let path: String
    let lines: [String]

    /// The folder below `Sources` or `Tests`, which is the module's name.
    var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// The folder within the module; empty for its own.
    var folder: String { path.split(separator: "/").dropFirst(2).dropLast().first.map(String.init) ?? "" }

    /// The types that the file declares at its top, but for those that only it can name.
    var declaredTypes: [String] {
        all.filter { !$0.text.hasPrefix(" ") }.compactMap { line in
            let words = line.words
            guard !words.contains("private"), !words.contains("fileprivate"),
                let place = words.firstIndex(where: ["struct", "class", "enum", "protocol", "actor"].contains),
                place <= 2, place + 1 < words.count
            else { return nil }
            return words[place + 1]
        }
    }

    var all: [Line] { lines.indices.map { Line(file: self, index: $0) } }

    /// What the file imports, in order.
    var imports: [String] {
        all.compactMap { line in
            let words = line.code.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place + 1 < words.count, place <= 2 else { return nil }
            let isImport = words[..<place].allSatisfy {
                $0.hasPrefix("@") || ["public", "internal", "package", "private", "fileprivate"].contains($0)
            }
            return isImport ? String(words[place + 1].prefix { $0 != "." }) : nil
        }
    }
}

/// The checkout that these tests were built from.
enum SourceTree {
    static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// Every Swift file below a folder of the root.
    static func swiftFiles(in folder: String) -> [SourceFile] {
        paths(in: folder).filter { $0.hasSuffix(".swift") }.map {
            let lines = contents("\(root)/\($0)").split(separator: "\n", omittingEmptySubsequences: false)
            return SourceFile(path: $0, lines: lines.map(String.init))
        }
    }

    /// Every path below a folder of the root, sorted.
    static func paths(in folder: String) -> [String] {
        var found: [String] = []
        for name in Scratch.names(in: "\(root)/\(folder)") {
            let path = "\(folder)/\(name)"
            var status = stat()
            guard unsafe lstat("\(root)/\(path)", &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { found += paths(in: path) } else { found.append(path) }
        }
        return found
    }

    /// The whole of a file; empty when it cannot be read.
    static func contents(_ path: String) -> String {
        guard let file = unsafe fopen(path, "re") else { return "" }
        defer { unsafe fclose(file) }
        return unsafe everything(in: file)
    }

    /// The lines that a command prints; empty when it fails.
    static func output(of command: String) -> [String] {
        guard let pipe = unsafe popen(command, "re") else { return [] }
        let text = unsafe everything(in: pipe)
        guard unsafe pclose(pipe) == 0 else { return [] }
        return text.split(separator: "\n").map(String.init)
    }

    private static func everything(in file: UnsafeMutablePointer<FILE>) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}

extension String {
    /// Without the blanks around it.
    var trimmed: String {
        let start = drop { $0 == " " || $0 == "\t" }
        var end = start
        while end.last == " " || end.last == "\t" { end.removeLast() }
        return String(end)
    }
}
