import Glibc

/// The files in which the CLI keeps its login, seen from outside: whether this process may use them and whether they have changed. They
/// are never opened.
struct LoginFiles: Sendable {
    let directory: String

    /// What keeps the service from its login.
    struct Obstacle: Sendable, Equatable {
        /// What cannot be used.
        var path: String
        /// Whose it is.
        var owner: UInt32
        /// What cannot be done with it.
        var verb: String
        /// True for the directory's own surroundings, which are not to be given away.
        var isAbove = false
    }

    /// Changes when somebody logs in or out, or gives files to somebody else.
    struct Mark: Sendable, Equatable {
        fileprivate var parts: [Int] = []
    }

    private static let names = [".credentials.json", ".claude.json"]

    /// Whether there is a directory at all.
    var exists: Bool { Self.status(of: directory) != nil }

    /// What keeps the process from reading the login; nil when nothing does, as when there is none.
    var readingObstacle: Obstacle? {
        var path = ""
        for part in directory.split(separator: "/") {
            path += "/\(part)"
            guard let status = Self.status(of: path) else { return nil }
            guard allows(X_OK, path) else {
                return Obstacle(path: path, owner: status.st_uid, verb: "enter", isAbove: path != directory)
            }
        }
        for name in Self.names {
            let file = "\(directory)/\(name)"
            guard let status = Self.status(of: file), !allows(R_OK, file) else { continue }
            return Obstacle(path: file, owner: status.st_uid, verb: "read")
        }
        return nil
    }

    /// What keeps the CLI from storing a login that it has renewed; nil when nothing does.
    var writingObstacle: Obstacle? {
        guard let status = Self.status(of: directory), !allows(W_OK, directory) else { return nil }
        return Obstacle(path: directory, owner: status.st_uid, verb: "write")
    }

    /// What it looks like now. The file of the CLI's state, in which a login may be too, is written by every turn, so it
    /// counts only on demand.
    func mark(withState: Bool) -> Mark {
        var mark = Mark()
        if let status = Self.status(of: directory) {
            mark.parts += [Int(status.st_ino), Int(status.st_uid), Int(status.st_mode)]
        }
        for (index, name) in Self.names.prefix(withState ? 2 : 1).enumerated() {
            guard let status = Self.status(of: "\(directory)/\(name)") else { continue }
            let changed = status.st_ctim
            mark.parts += [index, Int(status.st_ino), Int(status.st_size), changed.tv_sec, changed.tv_nsec]
        }
        return mark
    }

    private static func status(of path: String) -> stat? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status : nil
    }

    /// Whether this process may do that, in the kernel's own judgement.
    private func allows(_ mode: Int32, _ path: String) -> Bool {
        unsafe faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0
    }
}
