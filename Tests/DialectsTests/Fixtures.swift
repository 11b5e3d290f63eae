import Dialects
import Foundation
import Testing
import Vocabulary

/// Files that say what goes in and what must come out.
///
/// With `RECORD_FIXTURES=1` in the environment what comes out is written instead of compared: read the
/// difference before committing it.
enum Fixtures {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    static func names(_ folder: String, suffix: String) -> [String] {
        let all =
            (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
        return all.filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.count)) }.sorted()
    }

    static func read(_ path: String) throws -> [UInt8] {
        try Array(Data(contentsOf: root.appending(path: path)))
    }

    /// Compares bytes with a file, whatever ends the file's last line.
    static func expect(_ bytes: [UInt8], toMatch path: String) throws {
        let file = root.appending(path: path)
        if ProcessInfo.processInfo.environment["RECORD_FIXTURES"] == "1" {
            try Data(bytes).write(to: file)
        }
        let expected = try String(contentsOf: file, encoding: .utf8)
        #expect(String(decoding: bytes, as: UTF8.self) == expected, "\(path)")
    }
}

extension Dialect {
    /// The folder of its fixtures.
    var folder: String {
        switch self {
        case .agentRun: "agentRun"
        case .anthropic: "anthropic"
        case .chatCompletions: "chatCompletions"
        case .responses: "responses"
        }
    }
}
