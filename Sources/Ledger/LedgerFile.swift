import Glibc

/// What a check finds in a ledger.
public struct LedgerContents: Sendable, Equatable {
    /// How many responses can be found in it.
    public var responses = 0
    /// Its keys, in the order of their ids.
    public var keys: [StoredKey] = []
}

/// The file of a ledger: made private, brought to the newest form, and refused when it is damaged.
enum LedgerFile {
    /// The newest form; `user_version` of the file says which one it has.
    static var newestForm: Int { Migration.steps.count }

    /// Makes the file if there is none; nobody but its owner may read it, whatever the umask.
    static func make(_ path: String) throws(LedgerFault) {
        let number = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw .unusable(words("open")) }
        defer { close(number) }
        guard fchmod(number, 0o600) == 0 else { throw .unusable(words("fchmod")) }
        try syncFolder(of: path)
    }

    /// Without this a power cut could take away the file's name, and all that was promised to be kept with it.
    private static func syncFolder(of path: String) throws(LedgerFault) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let number = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw .unusable(words("open")) }
        defer { close(number) }
        guard fsync(number) == 0 else { throw .unusable(words("fsync")) }
    }

    /// Checks the file and brings it to the newest form; one that another process writes must have it already.
    static func prepare(_ database: Database, isShared: Bool = false) throws(LedgerFault) {
        do throws(LedgerFault) {
            // Pages of what was deleted are overwritten; room is given back in small steps.
            try database.execute("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA secure_delete=ON")
            guard try database.text("PRAGMA journal_mode=WAL") == "wal" else { throw .failed("no write-ahead log") }
            // FULL: a commit returns when the log is on the disk, not when the system has heard of it.
            try database.execute("PRAGMA synchronous=FULL; PRAGMA cache_size=-512; PRAGMA journal_size_limit=67108864")
            let found = try form(of: database)
            guard !isShared || found == newestForm else {
                throw .unusable("it has form \(found), this program writes \(newestForm), and another process uses it")
            }
            // A damaged file stays as it is: it is checked before anything is changed.
            if found > 0 { try checkWhole(database) }
            try bringForward(database, from: found, to: newestForm)
        } catch {
            throw atTheStart(error)
        }
    }

    /// Checks a file as `prepare` would, beside whoever uses it and without a change to what it holds; nil when there is
    /// no file.
    static func inspect(_ path: String) throws(LedgerFault) -> LedgerContents? {
        if unsafe access(path, F_OK) != 0, errno == ENOENT { return nil }
        let database = try Database(path: path, isReadOnly: true)
        do throws(LedgerFault) {
            let found = try form(of: database)
            guard found != 0 else { return LedgerContents() }
            try checkWhole(database)
            return LedgerContents(
                responses: try database.integer("SELECT count(*) FROM responses WHERE hidden = 0"),
                keys: found >= Migration.formWithKeys ? try KeyStore.all(in: database) : [])
        } catch {
            throw atTheStart(error)
        }
    }

    private static func atTheStart(_ fault: LedgerFault) -> LedgerFault {
        if case .damaged = fault { fault } else { .unusable(fault.description) }
    }

    private static func form(of database: Database) throws(LedgerFault) -> Int {
        let found = try database.integer("PRAGMA user_version")
        guard found <= newestForm else {
            throw .damaged("it has form \(found), this program knows \(newestForm); it is of a newer release")
        }
        return found
    }

    private static func checkWhole(_ database: Database) throws(LedgerFault) {
        let verdict = try database.text("PRAGMA quick_check(1)")
        guard verdict == "ok" else { throw .damaged("it is damaged") }
    }

    /// Does the steps that are missing: all of them or none.
    static func bringForward(_ database: Database, from found: Int, to newest: Int) throws(LedgerFault) {
        guard found < newest else { return }
        try database.commit { () throws(LedgerFault) in
            for step in Migration.steps[found..<newest] { try database.execute(step.sql) }
            try database.setForm(newest)
        }
    }

    private static func words(_ call: String) -> String {
        unsafe "\(call): \(String(cString: strerror(errno)))"
    }
}
