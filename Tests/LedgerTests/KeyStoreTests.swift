import TestSupport
import Testing

@testable import Ledger

@Suite("Keys in the ledger")
struct KeyStoreTests {
    private let folder: Scratch
    private let ledger: Ledger
    private var keys: KeyStore { ledger.keys }

    init() throws {
        folder = try Scratch()
        ledger = try Ledger(path: folder.file)
    }

    private func act(_ at: Int) -> Act { Act(at: at, actor: "uid 0") }

    static func digest(_ number: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 24)
            + (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    private func add(_ id: String, _ name: String, _ secret: Int, at: Int = 100) async throws -> KeyChange {
        let key = NewKey(id: id, name: name, options: "rpm=10", digest: Self.digest(secret))
        return try await answer { keys.add(key, by: act(at), then: $0) }
    }

    private func all() async throws -> [StoredKey] { try await answer { keys.all(then: $0) } }

    private func acts() async throws -> [String] {
        try await answer { ledger.audit.newest(100, then: $0) }.reversed().map { "\($0.entry.action) \($0.entry.subject)" }
    }

    @Test("a key that was added is there with its secret and its options, after a power cut at that moment as well")
    func adds() async throws {
        let expected = StoredKey(
            id: "k1", name: "alice", options: "rpm=10", isEnabled: true, created: 100, changed: 100,
            secrets: [StoredSecret(digest: Self.digest(1), notAfter: nil, created: 100)])
        #expect(try await add("k1", "alice", 1) == .done(expected))
        let copy = try folder.copied()
        let after = try Ledger(path: copy.file)
        #expect(try await answer { after.keys.all(then: $0) } == [expected])
        #expect(try await answer { after.audit.newest(1, then: $0) }.first?.entry.detail == "alice: rpm=10")
    }

    @Test("a name, an id and a secret are given once, and a refusal leaves nothing behind")
    func refusesDoubles() async throws {
        _ = try await add("k1", "alice", 1)
        #expect(try await add("k2", "alice", 2) == .nameTaken)
        #expect(try await add("k1", "bob", 3) == .nameTaken)
        #expect(try await add("k4", "carol", 1) == .secretTaken)
        #expect(try await all().map(\.name) == ["alice"])
        #expect(try await acts() == ["key add k1"])
    }

    @Test("of many that ask for one name at once one gets it")
    func oneName() async throws {
        let keys = keys
        let outcomes = try await withThrowingTaskGroup(of: KeyChange.self) { group in
            for number in 0..<50 {
                let key = NewKey(id: "k\(number)", name: "alice", options: "", digest: Self.digest(number))
                group.addTask { try await answer { keys.add(key, by: Act(at: 1, actor: "a"), then: $0) } }
            }
            return try await group.reduce(into: [KeyChange]()) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == .nameTaken } == 49)
        #expect(try await all().count == 1)
        #expect(try await acts().count == 1)
    }

    @Test("a key is changed, switched off and on and removed under its id, and every act stands in the trail")
    func changes() async throws {
        _ = try await add("k1", "alice", 1)
        let set = try await answer { keys.set(options: "rpm=20 models=opus", of: "k1", by: act(101), then: $0) }
        guard case .done(let key) = set else {
            Issue.record("\(set)")
            return
        }
        #expect(key.options == "rpm=20 models=opus" && key.changed == 101 && key.created == 100 && key.secrets.count == 1)
        let off = try await answer { keys.set(isEnabled: false, of: "k1", by: act(102), then: $0) }
        #expect(try await all().map { .done($0) } == [off])
        #expect(try await all().first?.isEnabled == false)
        _ = try await answer { keys.set(isEnabled: true, of: "k1", by: act(103), then: $0) }
        #expect(try await all().first?.isEnabled == true)
        guard case .done(let gone) = try await answer({ keys.remove("k1", by: act(104), then: $0) }) else {
            Issue.record("it was not removed")
            return
        }
        #expect(gone.name == "alice" && gone.secrets.count == 1)
        #expect(try await all().isEmpty)
        #expect(try await acts() == ["key add k1", "key set k1", "key disable k1", "key enable k1", "key remove k1"])
        // Its name and its secret are free again.
        guard case .done = try await add("k2", "alice", 1) else {
            Issue.record("they are not free")
            return
        }
    }

    @Test("of a key that is not there nothing is changed and nothing stands in the trail")
    func unknown() async throws {
        #expect(try await answer { keys.set(options: "", of: "k", by: act(1), then: $0) } == .unknown)
        #expect(try await answer { keys.set(isEnabled: true, of: "k", by: act(1), then: $0) } == .unknown)
        #expect(try await answer { keys.remove("k", by: act(1), then: $0) } == .unknown)
        #expect(
            try await answer { keys.rotate("k", to: Self.digest(1), oldValidUntil: 9, by: act(1), then: $0) } == .unknown)
        #expect(try await acts().isEmpty)
    }

    @Test("after a rotation the old secret is valid until the moment that was named, and gone at the next one after it")
    func rotates() async throws {
        _ = try await add("k1", "alice", 1)
        func rotate(_ secret: Int, until last: Int, at: Int) async throws -> [StoredSecret] {
            let change = try await answer {
                keys.rotate("k1", to: Self.digest(secret), oldValidUntil: last, by: act(at), then: $0)
            }
            guard case .done(let key) = change else { return [] }
            #expect(try await all() == [key])
            return key.secrets
        }
        let first = StoredSecret(digest: Self.digest(1), notAfter: 250, created: 100)
        let second = StoredSecret(digest: Self.digest(2), notAfter: nil, created: 200)
        #expect(try await rotate(2, until: 250, at: 200) == [first, second])
        // A later end does not make the first one's later.
        #expect(try await rotate(3, until: 400, at: 240).map(\.notAfter) == [250, 400, nil])
        #expect(try await rotate(4, until: 500, at: 300).map(\.notAfter) == [400, 500, nil])
        #expect(
            try await answer { keys.rotate("k1", to: Self.digest(4), oldValidUntil: 9, by: act(301), then: $0) }
                == .secretTaken)
        #expect(try await all().first?.secrets.map(\.notAfter) == [400, 500, nil])
    }

    @Test("a digest of another length is refused without a word of it")
    func digestLength() async throws {
        let key = NewKey(id: "k", name: "n", options: "", digest: Array("not-a-digest-but-the-secret".utf8))
        let fault = await #expect(throws: LedgerFault.self) { try await answer { keys.add(key, by: act(1), then: $0) } }
        #expect(fault?.description.contains("secret") == false)
        #expect(try await all().isEmpty)
    }

    @Test("a key is found by its name, and all of them page by page in the order of their names")
    func byName() async throws {
        for number in [3, 1, 2] { _ = try await add("k\(number)", "name-\(number)", number) }
        #expect(try await answer { keys.named("name-2", then: $0) }?.id == "k2")
        #expect(try await answer { keys.named("name-2", then: $0) }?.secrets.map(\.digest) == [Self.digest(2)])
        #expect(try await answer { keys.named("name-4", then: $0) } == nil)
        #expect(try await answer { keys.page(after: "", 2, then: $0) }.map(\.name) == ["name-1", "name-2"])
        let rest = try await answer { keys.page(after: "name-2", 2, then: $0) }
        #expect(rest.map(\.name) == ["name-3"] && rest.first?.secrets.map(\.digest) == [Self.digest(3)])
        #expect(try Ledger.inspect(path: folder.file)?.keys.map(\.name) == ["name-1", "name-2", "name-3"])
    }

    @Test("many keys come back each with its own secrets")
    func many() async throws {
        for number in 0..<60 { _ = try await add("k\(number)", "name \(number)", number) }
        for number in 0..<60 where number % 3 == 0 {
            _ = try await answer {
                keys.rotate("k\(number)", to: Self.digest(1000 + number), oldValidUntil: 900, by: act(200), then: $0)
            }
        }
        let found = try await all()
        #expect(found.count == 60)
        for key in found {
            let number = try #require(Int(key.id.dropFirst()))
            #expect(key.name == "name \(number)")
            let digests = number % 3 == 0 ? [Self.digest(number), Self.digest(1000 + number)] : [Self.digest(number)]
            #expect(key.secrets.map(\.digest) == digests)
        }
    }
}

@Suite("The audit trail")
struct AuditStoreTests {
    @Test("the newest acts come first, and tidying leaves only so many")
    func trail() async throws {
        let folder = try Scratch()
        let ledger = try Ledger(path: folder.file)
        for number in 0..<600 {
            let entry = AuditEntry(Act(at: number, actor: "uid 7"), action: "reload", subject: "s\(number)", detail: "d")
            // Each hundred is written together.
            if number % 100 == 99 {
                try await answer { ledger.audit.append(entry, then: $0) }
            } else {
                ledger.audit.append(entry) { result in #expect(throws: Never.self) { try result.get() } }
            }
        }
        let newest = try await answer { ledger.audit.newest(3, then: $0) }
        #expect(newest.map(\.entry.subject) == ["s599", "s598", "s597"])
        #expect(newest.first?.entry.act == Act(at: 599, actor: "uid 7"))
        #expect(await end { ledger.audit.tidy(keeping: 10, then: $0) } == nil)
        #expect(try await answer { ledger.audit.newest(1000, then: $0) }.map(\.entry.act.at) == Array((590..<600).reversed()))
    }
}
