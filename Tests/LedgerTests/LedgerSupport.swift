import Glibc
import Testing

@testable import Ledger

/// A directory that goes with the test.
final class Folder {
    let path: String

    init() throws {
        path = "/tmp/portcullis-ledger.\(UInt64.random(in: 0 ... .max))"
        try #require(unsafe mkdir(path, 0o700) == 0)
    }

    deinit {
        for name in names { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }

    var file: String { path + "/ledger.sqlite" }

    var names: [String] {
        var found: [String] = []
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { found.append(name) }
        }
        return found
    }

    func read(_ name: String) throws -> [UInt8] {
        let number = unsafe open("\(path)/\(name)", O_RDONLY)
        try #require(number >= 0)
        defer { close(number) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(number, $0.baseAddress, $0.count) }
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
        }
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        let number = unsafe open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(number >= 0)
        defer { close(number) }
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
        try #require(count == bytes.count)
    }

    func mode(of name: String) throws -> mode_t {
        var status = Glibc.stat()
        try #require(unsafe stat("\(path)/\(name)", &status) == 0)
        return status.st_mode & 0o777
    }

    /// What a machine finds after a power cut or a kill at this moment: the files as they stand.
    func copied() throws -> Folder {
        let copy = try Folder()
        // The index of the log is rebuilt from the log, as after a power cut.
        for name in names where !name.hasSuffix("-shm") { try copy.write(read(name), to: name) }
        return copy
    }
}

extension Ledger {
    func store(_ response: NewResponse, within maxBytes: Int = 1 << 30) async -> LedgerFault? {
        await withCheckedContinuation { waiting in
            store(response, within: maxBytes) { waiting.resume(returning: $0) }
        }
    }

    func tidy(notBefore: Int, within maxBytes: Int = 1 << 30) async -> LedgerFault? {
        await withCheckedContinuation { waiting in
            tidy(notBefore: notBefore, within: maxBytes) { waiting.resume(returning: $0) }
        }
    }

    func delete(_ id: String, of owner: String = "alice", notBefore: Int = 0) async throws -> Bool {
        try await withCheckedContinuation { waiting in
            delete(id, for: Reader(owner: owner, notBefore: notBefore)) { waiting.resume(returning: $0) }
        }.get()
    }

    func answer(_ id: String, of owner: String = "alice", notBefore: Int = 0) async throws -> String? {
        try await withCheckedContinuation { waiting in
            find(id, .answer, for: Reader(owner: owner, notBefore: notBefore)) { waiting.resume(returning: $0) }
        }.get().map { String(decoding: $0, as: UTF8.self) }
    }

    func history(
        _ previous: String?, others: [String] = [], of owner: String = "alice", notBefore: Int = 0,
        maxBytes: Int = 1 << 20
    ) async throws -> History {
        let request = HistoryRequest(previous: previous, others: others, maxBytes: maxBytes)
        return try await withCheckedContinuation { waiting in
            history(request, for: Reader(owner: owner, notBefore: notBefore)) { waiting.resume(returning: $0) }
        }.get()
    }

    /// The items of a conversation as text; nil when it is unknown.
    func items(_ previous: String, of owner: String = "alice", notBefore: Int = 0) async throws -> String? {
        guard case .found(let items, _) = try await history(previous, of: owner, notBefore: notBefore) else {
            return nil
        }
        return String(decoding: items, as: UTF8.self)
    }
}

/// A response whose items are `ID?` and `ID!`.
func response(
    _ id: String, after parent: String? = nil, of owner: String = "alice", created: Int = 1000, padding: Int = 0
) -> NewResponse {
    NewResponse(
        id: id, owner: owner, parent: parent, created: created, input: Array("\"\(id)?\"".utf8),
        output: Array("\"\(id)!\"".utf8),
        answer: Array("answer \(id)".utf8) + [UInt8](repeating: UInt8(ascii: "."), count: padding))
}
