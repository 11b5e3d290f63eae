import TestSupport
import Testing

@testable import Ledger

@Suite("Conversations in the ledger")
struct ConversationStoreTests {
    private let folder: Scratch
    private let ledger: Ledger
    private static let wide = ConversationBounds(bytesOfOwner: 1 << 30, bytesInAll: 1 << 30)

    init() throws {
        folder = try Scratch()
        ledger = try Ledger(path: folder.file)
    }

    private func update(
        _ id: String, of owner: String = "alice", length: Int, keeping: Int? = nil, _ turns: [String], at: Int = 100,
        within bounds: ConversationBounds = wide
    ) async throws -> ConversationOutcome {
        let update = ConversationUpdate(
            owner: owner, id: id, model: "opus", length: length, keeping: keeping, contents: turns.map { Array($0.utf8) })
        return try await answer { ledger.conversations.update(update, within: bounds, at: at, then: $0) }
    }

    /// The turns as texts; nil when it is unknown.
    private func turns(
        _ id: String, of owner: String = "alice", notBefore: Int = 0, in other: Ledger? = nil
    ) async throws -> [String]? {
        let reader = Reader(owner: owner, notBefore: notBefore)
        let finding = try await answer {
            (other ?? ledger).conversations.load(id, for: reader, maxBytes: 1 << 30, then: $0)
        }
        guard case .found(let head, let contents) = finding else { return nil }
        #expect(head.length == contents.count)
        return contents.map { String(decoding: $0, as: UTF8.self) }
    }

    private func list(_ owner: String = "alice", after: String? = nil, count: Int = 100) async throws -> [String] {
        let reader = Reader(owner: owner, notBefore: 0)
        return try await answer { ledger.conversations.list(for: reader, after: after, count: count, then: $0) }.map(\.id)
    }

    private func bytes(_ owner: String) throws -> (counted: Int, stored: Int) {
        let database = try Database(path: folder.file, isReadOnly: true)
        let counted = try StoredBytes(database: database, store: "conversations").of(owner)
        let sum = try database.first(
            "SELECT sum(size) FROM conversations WHERE owner = ?1 OR ?1 = ''", owner) { $0.integer(0) }
        return (counted, sum ?? 0)
    }

    @Test("what is written comes back whole and in order, after a power cut at that moment as well")
    func writes() async throws {
        var expected: [String] = []
        for number in 0..<20 {
            let new = ["question \(number)", "", "answer \(number)"]
            #expect(try await update("c", length: expected.count, new) == .stored(length: expected.count + 3))
            expected += new
            let copy = try folder.copied()
            #expect(try await turns("c", in: Ledger(path: copy.file)) == expected)
        }
    }

    @Test("one is found with its first piece alone, by its owner, until it expires")
    func finds() async throws {
        _ = try await update("c", length: 0, ["ground", "question", "answer"], at: 100)
        func find(_ owner: String, notBefore: Int = 0, _ id: String = "c") async throws -> ConversationFinding {
            let reader = Reader(owner: owner, notBefore: notBefore)
            return try await answer { ledger.conversations.find(id, for: reader, then: $0) }
        }
        guard case .found(let head, let pieces) = try await find("alice", notBefore: 100) else {
            Issue.record("it was not found")
            return
        }
        #expect(head.length == 3 && head.used == 100 && pieces == [Array("ground".utf8)])
        #expect(try await find("alice", notBefore: 101) == .unknown)
        #expect(try await find("bob") == .unknown)
        #expect(try await find("alice", "d") == .unknown)
    }

    @Test("another owner's conversation of the same name is another one")
    func owners() async throws {
        _ = try await update("c", length: 0, ["of alice"])
        #expect(try await turns("c", of: "bob") == nil)
        _ = try await update("c", of: "bob", length: 0, ["of bob"])
        #expect(try await turns("c") == ["of alice"])
        #expect(try await turns("c", of: "bob") == ["of bob"])
        #expect(try await list() == ["c"])
        #expect(try await answer { ledger.conversations.delete("c", for: Reader(owner: "bob", notBefore: 0), then: $0) })
        #expect(try await turns("c") == ["of alice"])
        #expect(try await turns("c", of: "bob") == nil)
    }

    @Test("of two that write at once one is told that the other was faster, and nothing mixes")
    func conflict() async throws {
        #expect(try await update("c", length: 0, ["a", "b"]) == .stored(length: 2))
        #expect(try await update("c", length: 0, ["x"]) == .differs(length: 2))
        #expect(try await update("c", length: 3, ["x"]) == .differs(length: 2))
        #expect(try await update("new", length: 2, ["x"]) == .differs(length: 0))
        #expect(try await turns("c") == ["a", "b"])
        #expect(try await turns("new") == nil)
        let store = ledger.conversations
        let outcomes = try await withThrowingTaskGroup(of: (Int, ConversationOutcome).self) { group in
            for number in 0..<50 {
                let update = ConversationUpdate(
                    owner: "alice", id: "c", model: "m", length: 2, contents: [Array("\(number)".utf8), [0]])
                group.addTask {
                    (number, try await answer { store.update(update, within: Self.wide, at: 1, then: $0) })
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let winners = outcomes.filter { $0.1 == .stored(length: 4) }
        #expect(winners.count == 1 && outcomes.count { $0.1 == .differs(length: 4) } == 49)
        #expect(try await turns("c")?[2] == winners.first.map { "\($0.0)" })
    }

    @Test("a conversation is cut to a length, goes on from there, and can begin anew")
    func cuts() async throws {
        _ = try await update("c", length: 0, ["a", "b", "c", "d"])
        #expect(try await update("c", length: 4, keeping: 2, ["C"]) == .stored(length: 3))
        #expect(try await turns("c") == ["a", "b", "C"])
        #expect(try await update("c", length: 3, keeping: 1, []) == .stored(length: 1))
        #expect(try await turns("c") == ["a"])
        #expect(try await update("c", length: 1, keeping: 0, []) == .stored(length: 0))
        #expect(try await turns("c") == [])
        #expect(try await update("c", length: 0, ["anew"]) == .stored(length: 1))
        #expect(try await turns("c") == ["anew"])
        let size = try bytes("alice")
        #expect(size.counted == size.stored && size.counted == 512 + 64 + 4)
    }

    @Test("a conversation beyond the limit is refused whole")
    func tooLarge() async throws {
        _ = try await update("c", length: 0, ["12345", "67890"])
        let reader = Reader(owner: "alice", notBefore: 0)
        #expect(try await answer { ledger.conversations.load("c", for: reader, maxBytes: 9, then: $0) } == .tooLarge)
        guard case .found = try await answer({ ledger.conversations.load("c", for: reader, maxBytes: 10, then: $0) }) else {
            Issue.record("it fits")
            return
        }
    }

    @Test("they are listed page by page, the last used first")
    func lists() async throws {
        for number in 0..<10 { _ = try await update("c\(number)", length: 0, ["x"], at: 100 + number / 2) }
        _ = try await update("c3", length: 1, ["y"], at: 900)
        let expected = ["c3", "c9", "c8", "c7", "c6", "c5", "c4", "c2", "c1", "c0"]
        #expect(try await list() == expected)
        var pages: [String] = []
        while true {
            let page = try await list(after: pages.last, count: 3)
            pages += page
            if page.count < 3 { break }
        }
        #expect(pages == expected)
        #expect(try await list("bob").isEmpty)
        #expect(try await list(after: "unknown").isEmpty)
    }

    @Test("what nobody has used for long cannot be found, and goes")
    func expires() async throws {
        for number in 0..<40 { _ = try await update("c\(number)", length: 0, ["x"], at: number) }
        #expect(try await turns("c9", notBefore: 10) == nil)
        #expect(try await turns("c10", notBefore: 10) == ["x"])
        #expect(await end { ledger.conversations.tidy(notBefore: 30, within: 1 << 30, then: $0) } == nil)
        #expect(try await list().count == 10)
        #expect(try await turns("c29") == nil)
        let (owner, all) = (try bytes("alice"), try bytes(""))
        #expect(owner.counted == 10 * 577 && owner.counted == owner.stored && all.counted == owner.counted)
        #expect(await end { ledger.conversations.tidy(notBefore: 0, within: 3 * 577, then: $0) } == nil)
        #expect(try await list() == ["c39", "c38", "c37"])
    }

    @Test("where room is needed the owner's oldest go, then everybody's, and what never fits takes none along")
    func bounds() async throws {
        let large = String(repeating: ".", count: 1000)
        let bounds = ConversationBounds(bytesOfOwner: 4000, bytesInAll: 6500)
        for (number, owner) in [(1, "alice"), (2, "alice"), (3, "bob")] {
            _ = try await update("c\(number)", of: owner, length: 0, [large], at: number, within: bounds)
        }
        _ = try await update("c4", length: 0, [large], at: 4, within: bounds)
        #expect(try await list() == ["c4", "c2"], "the owner's own oldest has gone")
        _ = try await update("c5", of: "carol", length: 0, [large], at: 5, within: bounds)
        #expect(try await list() == ["c4", "c2"])
        #expect(try await list("bob") == ["c3"])
        // Now the oldest of all is alice's.
        _ = try await update("c6", of: "dora", length: 0, [large], at: 6, within: bounds)
        #expect(try await list() == ["c4"])
        await #expect(throws: LedgerFault.full) {
            _ = try await update("c7", of: "dora", length: 0, [large, large, large, large], at: 7, within: bounds)
        }
        #expect(try await list("dora") == ["c6"])
        #expect(try await list() == ["c4"])
        #expect(try await list("bob") == ["c3"])
        #expect(try await list("carol") == ["c5"])
        // One that grows is not the one that goes.
        _ = try await update("c6", of: "dora", length: 1, [large], at: 8, within: bounds)
        #expect(try await turns("c6", of: "dora")?.count == 2)
        #expect(try await list("bob").isEmpty)
        for owner in ["", "alice", "bob", "carol", "dora"] {
            let size = try bytes(owner)
            #expect(size.counted == size.stored, "\(owner)")
        }
    }

    @Test("what was deleted leaves no trace in the file")
    func deleted() async throws {
        _ = try await update("c", length: 0, ["a-very-secret-word"])
        #expect(try await answer { ledger.conversations.delete("c", for: Reader(owner: "alice", notBefore: 0), then: $0) })
        #expect(
            try await answer { ledger.conversations.delete("c", for: Reader(owner: "alice", notBefore: 0), then: $0) } == false)
        ledger.close()
        #expect(!(try folder.read("ledger.sqlite").contains("a-very-secret-word".utf8)))
    }
}
