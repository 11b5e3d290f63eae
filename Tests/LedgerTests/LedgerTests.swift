import Glibc
import TestSupport
import Testing

@testable import Ledger

@Suite("What the ledger keeps")
struct LedgerTests {
    private let folder: Scratch
    private let ledger: Ledger

    init() throws {
        folder = try Scratch()
        ledger = try Ledger(path: folder.file)
    }

    @Test("what was stored is found again, by its owner alone")
    func findsOwn() async throws {
        #expect(await ledger.store(response("a")) == nil)
        #expect(try await ledger.answer("a") == "answer a")
        #expect(try await ledger.answer("a", of: "bob") == nil)
        #expect(try await ledger.items("a", of: "bob") == nil)
        #expect(try await ledger.delete("a", of: "bob") == false)
        #expect(try await ledger.answer("a") == "answer a")
        #expect(try await ledger.answer("b") == nil)
    }

    @Test("an id is given once, to one owner")
    func idsAreUnique() async throws {
        #expect(await ledger.store(response("a")) == nil)
        #expect(await ledger.store(response("a", of: "bob")) != nil)
        #expect(try await ledger.answer("a") == "answer a")
    }

    @Test("a conversation is its links, oldest first, and may fork")
    func chains() async throws {
        for (id, parent) in [("a", nil), ("b", "a"), ("c", "b"), ("d", "a")] {
            #expect(await ledger.store(response(id, after: parent)) == nil)
        }
        #expect(try await ledger.items("c") == #""a?","a!","b?","b!","c?","c!""#)
        #expect(try await ledger.items("d") == #""a?","a!","d?","d!""#)
    }

    @Test("a link without output leaves no comma behind")
    func emptyOutput() async throws {
        var silent = response("a")
        silent.output = []
        #expect(await ledger.store(silent) == nil)
        #expect(await ledger.store(response("b", after: "a")) == nil)
        #expect(try await ledger.items("b") == #""a?","b?","b!""#)
    }

    @Test("five hundred links are one conversation")
    func longChain() async throws {
        var previous: String?
        for number in 0..<500 {
            #expect(await ledger.store(response("r\(number)", after: previous)) == nil)
            previous = "r\(number)"
        }
        let items = try #require(try await ledger.items("r499"))
        #expect(items.split(separator: ",").count == 1000)
        #expect(items.hasPrefix(#""r0?","r0!","r1?""#))
        #expect(items.hasSuffix(#""r499?","r499!""#))
    }

    @Test("a conversation beyond the limit is refused whole")
    func tooLarge() async throws {
        #expect(await ledger.store(response("a")) == nil)
        #expect(await ledger.store(response("b", after: "a")) == nil)
        #expect(try await ledger.history("b", maxBytes: 15) == .tooLarge)
        #expect(try await ledger.history(nil, others: ["a", "b"], maxBytes: 15) == .tooLarge)
        #expect(try await ledger.history("a", maxBytes: 15) == .found(items: Array(#""a?","a!""#.utf8), others: []))
    }

    @Test("items of other responses come apart from the conversation, strangers' not at all")
    func others() async throws {
        #expect(await ledger.store(response("a")) == nil)
        #expect(await ledger.store(response("b")) == nil)
        #expect(await ledger.store(response("c", of: "bob")) == nil)
        let found = try await ledger.history("a", others: ["b", "c", "missing"])
        #expect(found == .found(items: Array(#""a?","a!""#.utf8), others: Array(#""b?","b!""#.utf8)))
    }

    @Test("nobody can continue a stranger's response")
    func strangersParent() async throws {
        #expect(await ledger.store(response("a")) == nil)
        #expect(await ledger.store(response("b", after: "a", of: "bob")) == .parentGone)
        #expect(try await ledger.answer("b", of: "bob") == nil)
    }

    @Test("a deleted response is gone, and no turn of what continues it")
    func deletes() async throws {
        for (id, parent) in [("a", nil), ("b", "a"), ("c", "b")] {
            #expect(await ledger.store(response(id, after: parent)) == nil)
        }
        #expect(try await ledger.delete("b"))
        #expect(try await ledger.delete("b") == false)
        #expect(try await ledger.answer("b") == nil)
        #expect(try await ledger.items("b") == nil)
        #expect(try await ledger.items("c") == #""a?","a!","b?","b!","c?","c!""#)
        #expect(try await ledger.history(nil, others: ["b"]) == .found(items: [], others: []))
    }

    @Test("what was kept only for those that continue it goes with the last of them")
    func deletesRemains() async throws {
        for (id, parent) in [("secret-a", nil), ("b", "secret-a"), ("c", "secret-a")] {
            #expect(await ledger.store(response(id, after: parent)) == nil)
        }
        for id in ["secret-a", "b", "c"] { #expect(try await ledger.delete(id)) }
        ledger.close()
        let left = try folder.read("ledger.sqlite")
        #expect(!left.contains("secret-a?".utf8))
        #expect(try await Ledger(path: folder.file).answer("secret-a") == nil)
    }

    @Test("what has expired cannot be found, and goes when nothing young continues it")
    func expires() async throws {
        #expect(await ledger.store(response("old", created: 10)) == nil)
        #expect(await ledger.store(response("root", created: 10)) == nil)
        #expect(await ledger.store(response("young", after: "root", created: 20)) == nil)
        #expect(try await ledger.answer("old", notBefore: 11) == nil)
        #expect(try await ledger.items("old", notBefore: 11) == nil)
        #expect(try await ledger.delete("old", notBefore: 11) == false)
        #expect(try await ledger.items("young", notBefore: 11) == #""root?","root!","young?","young!""#)
        #expect(await ledger.tidy(notBefore: 11) == nil)
        #expect(try await ledger.answer("old") == nil)
        #expect(try await ledger.answer("root") == "answer root")
        #expect(try await ledger.items("young") == #""root?","root!","young?","young!""#)
    }

    @Test("many expired ones go in one tidying")
    func expiresMany() async throws {
        for number in 0..<100 { #expect(await ledger.store(response("r\(number)", created: number)) == nil) }
        #expect(await ledger.tidy(notBefore: 90) == nil)
        for number in 0..<100 {
            #expect(try await ledger.answer("r\(number)") == (number < 90 ? nil : "answer r\(number)"))
        }
    }

    @Test("where room is needed the conversation that was left longest ago goes, whole")
    func bounds() async throws {
        #expect(await ledger.store(response("a", created: 1, padding: 3000)) == nil)
        #expect(await ledger.store(response("b", created: 2, padding: 3000)) == nil)
        #expect(await ledger.store(response("a2", after: "a", created: 3, padding: 3000), within: 12_000) == nil)
        #expect(await ledger.store(response("c", created: 4, padding: 3000), within: 12_000) == nil)
        #expect(try await ledger.answer("b") == nil)
        #expect(try await ledger.items("a2") != nil)
        #expect(try await ledger.items("c") != nil)
    }

    @Test("what does not fit is not stored, and takes no other along")
    func full() async throws {
        #expect(await ledger.store(response("a", padding: 3000), within: 5000) == nil)
        #expect(await ledger.store(response("b", after: "a", padding: 3000), within: 5000) == .full)
        #expect(await ledger.store(response("c", padding: 9000), within: 5000) == .full)
        #expect(try await ledger.answer("a") != nil)
        #expect(try await ledger.answer("b") == nil)
    }

    @Test("a smaller bound is reached by tidying")
    func shrinks() async throws {
        for number in 0..<40 { #expect(await ledger.store(response("r\(number)", created: number, padding: 3000)) == nil) }
        #expect(await ledger.tidy(notBefore: 0, within: 9000) == nil)
        var found = 0
        for number in 0..<40 where try await ledger.answer("r\(number)") != nil { found += 1 }
        #expect(found == 2)
        #expect(try await ledger.answer("r39") != nil)
    }

    @Test("many that store at once are all stored")
    func concurrentWriters() async throws {
        let ledger = ledger
        await withTaskGroup(of: LedgerFault?.self) { group in
            for number in 0..<400 { group.addTask { await ledger.store(response("r\(number)", of: "user\(number % 7)")) } }
            for await fault in group { #expect(fault == nil) }
        }
        for number in 0..<400 { #expect(try await ledger.answer("r\(number)", of: "user\(number % 7)") != nil) }
    }

    @Test("one that fails does not harm those that are written together with it")
    func failureAmongOthers() async throws {
        let ledger = ledger
        await withTaskGroup(of: (Int, LedgerFault?).self) { group in
            for number in 0..<100 {
                group.addTask { (number, await ledger.store(response("r\(number)", after: number % 3 == 0 ? "gone" : nil))) }
            }
            for await (number, fault) in group { #expect(fault == (number % 3 == 0 ? .parentGone : nil)) }
        }
        for number in 0..<100 { #expect((try await ledger.answer("r\(number)") == nil) == (number % 3 == 0)) }
    }

    @Test("a closed ledger says so")
    func closed() async throws {
        ledger.close()
        #expect(await ledger.store(response("a")) == .closed)
        await #expect(throws: LedgerFault.closed) { try await ledger.answer("a") }
    }
}

@Suite("The ledger's file")
struct LedgerFileTests {
    @Test("what was called stored is there after a kill or a power cut at that moment")
    func survives() async throws {
        let folder = try Scratch()
        let ledger = try Ledger(path: folder.file)
        for number in 0..<20 {
            #expect(await ledger.store(response("r\(number)", after: number > 0 ? "r\(number - 1)" : nil)) == nil)
            let after = try folder.copied()
            #expect(try await Ledger(path: after.file).items("r\(number)")?.split(separator: ",").count == 2 * number + 2)
        }
    }

    @Test("what was cut while it was written is not there, and all before it is")
    func tornLog() async throws {
        let folder = try Scratch()
        let ledger = try Ledger(path: folder.file)
        #expect(await ledger.store(response("a")) == nil)
        let whole = try folder.read("ledger.sqlite-wal").count
        #expect(await ledger.store(response("b", padding: 20_000)) == nil)
        let torn = try folder.copied()
        let log = try torn.read("ledger.sqlite-wal")
        try torn.write("ledger.sqlite-wal", Array(log[..<(whole + (log.count - whole) / 2)]))
        let again = try Ledger(path: torn.file)
        #expect(try await again.answer("a") == "answer a")
        #expect(try await again.answer("b") == nil)
    }

    @Test("it is opened again, and goes on where it was")
    func reopens() async throws {
        let folder = try Scratch()
        do {
            let ledger = try Ledger(path: folder.file)
            #expect(await ledger.store(response("a")) == nil)
            ledger.close()
        }
        let ledger = try Ledger(path: folder.file)
        #expect(await ledger.store(response("b", after: "a")) == nil)
        #expect(try await ledger.items("b") == #""a?","a!","b?","b!""#)
    }

    @Test("closed, it is one file with all that was in the log")
    func closesWhole() async throws {
        for _ in 0..<50 {
            let folder = try Scratch()
            let ledger = try Ledger(path: folder.file)
            #expect(await ledger.store(response("a")) == nil)
            ledger.close()
            #expect(folder.names == ["ledger.sqlite"])
        }
    }

    @Test("nobody else can read it")
    func modes() async throws {
        let folder = try Scratch()
        try folder.write("ledger.sqlite", [])
        let ledger = try Ledger(path: folder.file)
        #expect(await ledger.store(response("a")) == nil)
        #expect(folder.names.count == 3)
        for name in folder.names { #expect(folder.mode(of: name) == 0o600, "\(name)") }
    }

    @Test("a damaged file is refused", arguments: [0, 40, 4096 + 3, 3 * 4096 + 100])
    func damaged(offset: Int) async throws {
        let folder = try Scratch()
        do {
            let ledger = try Ledger(path: folder.file)
            for number in 0..<50 { #expect(await ledger.store(response("r\(number)", padding: 500)) == nil) }
            ledger.close()
        }
        var bytes = try folder.read("ledger.sqlite")
        try #require(bytes.count > offset + 64)
        for index in offset..<(offset + 64) { bytes[index] = 0xA5 }
        try folder.write("ledger.sqlite", bytes)
        #expect(throws: LedgerFault.self) { try Ledger.inspect(path: folder.file) }
        #expect(try folder.read("ledger.sqlite") == bytes)
        #expect(throws: LedgerFault.self) { try Ledger(path: folder.file) }
    }

    @Test("a file is checked without a change, whether it is in use or not")
    func inspection() async throws {
        let folder = try Scratch()
        #expect(try Ledger.inspect(path: folder.file) == nil)
        #expect(folder.names.isEmpty)
        let ledger = try Ledger(path: folder.file)
        #expect(await ledger.store(response("a")) == nil)
        #expect(try Ledger.inspect(path: folder.file)?.responses == 1)
        #expect(await ledger.store(response("b", after: "a")) == nil)
        let (log, file) = (try folder.read("ledger.sqlite-wal"), try folder.read("ledger.sqlite"))
        #expect(try Ledger.inspect(path: folder.file)?.responses == 2)
        #expect(try folder.read("ledger.sqlite-wal") == log && folder.read("ledger.sqlite") == file)
        ledger.close()
        let closed = try folder.read("ledger.sqlite")
        #expect(try Ledger.inspect(path: folder.file)?.responses == 2)
        #expect(try folder.read("ledger.sqlite") == closed)
        for name in folder.names { #expect(folder.mode(of: name) == 0o600, "\(name)") }
    }

    @Test("a file that is no database is refused and left as it is")
    func foreign() throws {
        let folder = try Scratch()
        let text = Array("these are somebody's notes and no database at all".utf8)
        try folder.write("ledger.sqlite", text)
        #expect(throws: LedgerFault.self) { try Ledger(path: folder.file) }
        #expect(try folder.read("ledger.sqlite") == text)
    }

    @Test("a link in place of the file is not followed")
    func link() throws {
        let folder = try Scratch()
        try folder.write("elsewhere", [])
        try #require(unsafe symlink(folder.path + "/elsewhere", folder.file) == 0)
        #expect(throws: LedgerFault.self) { try Ledger(path: folder.file) }
    }

    @Test("a file of a newer release is refused")
    func newer() throws {
        let folder = try Scratch()
        do { try Ledger(path: folder.file).close() }
        do {
            let database = try Database(path: folder.file)
            try database.setForm(99)
        }
        #expect(throws: LedgerFault.self) { try Ledger(path: folder.file) }
    }

    @Test("a file of the first form is checked without a change, then brought forward with all that is in it")
    func older() async throws {
        let folder = try Scratch()
        try FirstForm.make(folder.file)
        let before = try folder.read("ledger.sqlite")
        #expect(try Ledger.inspect(path: folder.file)?.responses == 2)
        #expect(try folder.read("ledger.sqlite") == before)
        let ledger = try Ledger(path: folder.file)
        #expect(try await ledger.items("b") == #""a?","a!","b?","b!""#)
        #expect(try await ledger.items("c") == #""a?","a!","c?","c!""#)
        #expect(try await ledger.answer("a") == nil, "it was deleted, and is there for those that continue it")
        #expect(try await ledger.answer("b") == "answer b")
        // What was stored before counts against the bound.
        #expect(await ledger.store(response("d", after: "b", padding: 500), within: 2060) == .full)
        #expect(await ledger.store(response("d", after: "b")) == nil)
        #expect(try Ledger.inspect(path: folder.file)?.responses == 3)
        let after = try Database(path: folder.file)
        #expect(try after.integer("PRAGMA user_version") == LedgerFile.newestForm)
    }

    @Test("a file of every older form is brought forward, and a new one has the same tables")
    func everyForm() throws {
        var tables: [String] = []
        for form in 0...LedgerFile.newestForm {
            let folder = try Scratch()
            try LedgerFile.make(folder.file)
            do {
                let database = try Database(path: folder.file)
                try LedgerFile.bringForward(database, from: 0, to: form)
            }
            try Ledger(path: folder.file).close()
            let database = try Database(path: folder.file)
            tables.append(try database.text("SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)"))
        }
        #expect(tables.count == LedgerFile.newestForm + 1 && Set(tables).count == 1)
        #expect(tables.first?.contains("CREATE TABLE responses") == true)
    }

    @Test("a file that cannot be brought forward keeps its form and what is in it")
    func failedMigration() throws {
        let folder = try Scratch()
        try FirstForm.make(folder.file)
        do {
            // What the next step makes is there already.
            let database = try Database(path: folder.file)
            try database.execute("CREATE TABLE sizes (x)")
        }
        #expect(throws: LedgerFault.self) { try Ledger(path: folder.file) }
        let database = try Database(path: folder.file)
        #expect(try database.integer("PRAGMA user_version") == 1)
        #expect(try database.integer("SELECT count(*) FROM responses") == 3)
    }

    @Test("every commit waits for the disk")
    func synchronous() throws {
        let folder = try Scratch()
        try LedgerFile.make(folder.file)
        let database = try Database(path: folder.file)
        try LedgerFile.prepare(database)
        #expect(try database.integer("PRAGMA synchronous") == 2)
        #expect(try database.text("PRAGMA journal_mode") == "wal")
        #expect(try database.integer("PRAGMA trusted_schema") == 0)
        #expect(try database.integer("PRAGMA secure_delete") == 1)
    }
}
