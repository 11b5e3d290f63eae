import Glibc
import TestSupport
import Testing

@testable import Ledger

extension Scratch {
    var file: String { path(of: "ledger.sqlite") }

    /// What a machine finds after a power cut or a kill at this moment: the files as they stand.
    func copied() throws -> Scratch {
        let copy = try Scratch()
        // The index of the log is rebuilt from the log, as after a power cut.
        for name in names where !name.hasSuffix("-shm") { try copy.write(name, read(name)) }
        return copy
    }
}

/// Waits for an answer of the ledger.
func answer<Value: Sendable>(
    _ question: (@escaping @Sendable (Result<Value, LedgerFault>) -> Void) -> Void
) async throws -> Value {
    try await withCheckedContinuation { waiting in question { waiting.resume(returning: $0) } }.get()
}

/// Waits for the end of a chore; nil when it was done.
func end(_ chore: (@escaping @Sendable (LedgerFault?) -> Void) -> Void) async -> LedgerFault? {
    await withCheckedContinuation { waiting in chore { waiting.resume(returning: $0) } }
}

extension Ledger {
    func store(_ response: NewResponse, within maxBytes: Int = 1 << 30) async -> LedgerFault? {
        await withCheckedContinuation { waiting in
            responses.store(response, within: maxBytes) { result in
                if case .failure(let fault) = result { waiting.resume(returning: fault) } else { waiting.resume(returning: nil) }
            }
        }
    }

    func tidy(notBefore: Int, within maxBytes: Int = 1 << 30) async -> LedgerFault? {
        await withCheckedContinuation { waiting in
            responses.tidy(notBefore: notBefore, within: maxBytes) { waiting.resume(returning: $0) }
        }
    }

    func delete(_ id: String, of owner: String = "alice", notBefore: Int = 0) async throws -> Bool {
        try await withCheckedContinuation { waiting in
            responses.delete(id, for: Reader(owner: owner, notBefore: notBefore)) { waiting.resume(returning: $0) }
        }.get()
    }

    func answer(_ id: String, of owner: String = "alice", notBefore: Int = 0) async throws -> String? {
        try await withCheckedContinuation { waiting in
            responses.find(id, .answer, for: Reader(owner: owner, notBefore: notBefore)) { waiting.resume(returning: $0) }
        }.get().map { String(decoding: $0, as: UTF8.self) }
    }

    func history(
        _ previous: String?, others: [String] = [], of owner: String = "alice", notBefore: Int = 0,
        maxBytes: Int = 1 << 20
    ) async throws -> History {
        let request = HistoryRequest(previous: previous, others: others, maxBytes: maxBytes)
        return try await withCheckedContinuation { waiting in
            responses.history(request, for: Reader(owner: owner, notBefore: notBefore)) { waiting.resume(returning: $0) }
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
