import Glibc

/// Removal that never follows a symbolic link and never leaves the directory it was given.
///
/// What it removes programs have made whom nobody trusts: trees of any depth, names that are no text, directories that
/// nobody may enter. What it could not remove would stand in the way of other callers' turns.
struct PrivateTree {
    /// The directory itself, to whose top is lifted what lies deeper than descriptors are held open for.
    private let root: Int32
    private var lifted = 0
    private static let maxDepth = 64
    /// So deep can no tree be, whose every directory takes a block of the disk.
    private static let maxPasses = 1 << 20

    private init(_ root: Int32) { self.root = root }

    /// Removes everything in the directory at `path` but the directories `parts`, which are emptied and,
    /// where something has taken their place, made anew. False when something is left.
    static func empty(_ path: String, keeping parts: [String]) -> Bool {
        let root = unsafe open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard root >= 0 else { return false }
        defer { close(root) }
        var tree = PrivateTree(root)
        for _ in 0..<maxPasses {
            let before = tree.lifted
            let copy = fcntl(root, F_DUPFD_CLOEXEC, 0)
            guard copy >= 0 else { return false }
            let isEmpty = tree.empty(copy, keeping: parts, depth: 0)
            if tree.lifted == before { return isEmpty }
        }
        return false
    }

    /// Takes over `directory`.
    private mutating func empty(_ directory: Int32, keeping parts: [String], depth: Int) -> Bool {
        defer { close(directory) }
        guard let entries = Self.rawNames(in: directory) else { return false }
        var isEmpty = true
        var missing = parts
        for name in entries {
            if let place = missing.firstIndex(where: { Array($0.utf8CString) == name }),
                let part = Self.openDirectory(name, in: directory)
            {
                isEmpty = empty(part, keeping: [], depth: depth + 1) && isEmpty
                missing.remove(at: place)
            } else {
                isEmpty = remove(name, in: directory, depth: depth) && isEmpty
            }
        }
        for part in missing where unsafe mkdirat(directory, part, 0o700) != 0 { isEmpty = false }
        return isEmpty
    }

    private mutating func remove(_ name: [CChar], in directory: Int32, depth: Int) -> Bool {
        if unsafe unlinkat(directory, name, 0) == 0 || errno == ENOENT { return true }
        if unsafe unlinkat(directory, name, AT_REMOVEDIR) == 0 { return true }
        if depth >= Self.maxDepth { return lift(name, from: directory) }
        guard let inner = Self.openDirectory(name, in: directory) else { return false }
        guard empty(inner, keeping: [], depth: depth + 1) else { return false }
        return unsafe unlinkat(directory, name, AT_REMOVEDIR) == 0
    }

    /// Moves a directory to the top, where the next pass meets it.
    private mutating func lift(_ name: [CChar], from directory: Int32) -> Bool {
        // Who may not write in it may not move it.
        guard let inner = Self.openDirectory(name, in: directory) else { return false }
        _ = fchmod(inner, 0o700)
        close(inner)
        guard unsafe renameat(directory, name, root, ".lifted.\(lifted)") == 0 else { return false }
        lifted += 1
        return true
    }

    private static func openDirectory(_ name: [CChar], in directory: Int32) -> Int32? {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var number = unsafe openat(directory, name, flags)
        if number < 0, errno == EACCES {
            // A child may have taken its own rights away.
            _ = unsafe fchmodat(directory, name, 0o700, AT_SYMLINK_NOFOLLOW)
            number = unsafe openat(directory, name, flags)
        }
        guard number >= 0 else { return nil }
        // Else what is in it could not be removed.
        var status = stat()
        if unsafe fstat(number, &status) == 0, status.st_mode & 0o700 != 0o700 { _ = fchmod(number, 0o700) }
        return number
    }

    /// What the directory at `path` holds; nothing where it cannot be read.
    static func names(in path: String) -> [String] {
        let directory = unsafe open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard directory >= 0 else { return [] }
        defer { close(directory) }
        return names(in: directory) ?? []
    }

    /// What the directory open as `directory` holds, names that are no text mended; nil where it cannot be read.
    static func names(in directory: Int32) -> [String]? {
        rawNames(in: directory)?.map { name in String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    }

    /// The same as the file system has them, each ended by a zero.
    private static func rawNames(in directory: Int32) -> [[CChar]]? {
        // A description of its own, whose place in the directory is nobody else's.
        let copy = unsafe openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { return nil }
        guard let stream = unsafe fdopendir(copy) else {
            close(copy)
            return nil
        }
        defer { unsafe closedir(stream) }
        var names: [[CChar]] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { field in
                unsafe field.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
            }
            if name != [0x2E, 0], name != [0x2E, 0x2E, 0] { names.append(name) }
        }
        return names
    }
}
