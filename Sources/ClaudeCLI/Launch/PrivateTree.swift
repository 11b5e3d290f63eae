import Glibc

/// Removal that never follows a symbolic link and never leaves the directory it was given.
enum PrivateTree {
    /// Deeper trees are not ours to remove.
    private static let maxDepth = 64

    /// Removes everything in the directory at `path` but the directories `parts`, which are emptied and,
    /// where something has taken their place, made anew. False when something is left.
    static func empty(_ path: String, keeping parts: [String]) -> Bool {
        let directory = unsafe open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard directory >= 0 else { return false }
        return empty(directory, keeping: parts, depth: 0)
    }

    /// Takes over `directory`.
    private static func empty(_ directory: Int32, keeping parts: [String], depth: Int) -> Bool {
        guard let entries = names(in: directory) else {
            close(directory)
            return false
        }
        defer { close(directory) }
        var isEmpty = true
        var missing = parts
        for name in entries {
            if let place = missing.firstIndex(of: name), let part = openDirectory(name, in: directory) {
                isEmpty = empty(part, keeping: [], depth: depth + 1) && isEmpty
                missing.remove(at: place)
            } else {
                isEmpty = remove(name, in: directory, depth: depth) && isEmpty
            }
        }
        for part in missing where unsafe mkdirat(directory, part, 0o700) != 0 { isEmpty = false }
        return isEmpty
    }

    private static func remove(_ name: String, in directory: Int32, depth: Int) -> Bool {
        if unsafe unlinkat(directory, name, 0) == 0 || errno == ENOENT { return true }
        guard depth < maxDepth, let inner = openDirectory(name, in: directory) else { return false }
        guard empty(inner, keeping: [], depth: depth + 1) else { return false }
        return unsafe unlinkat(directory, name, AT_REMOVEDIR) == 0
    }

    private static func openDirectory(_ name: String, in directory: Int32) -> Int32? {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var number = unsafe openat(directory, name, flags)
        if number < 0, errno == EACCES {
            // A child may have taken its own rights away.
            _ = unsafe fchmodat(directory, name, 0o700, AT_SYMLINK_NOFOLLOW)
            number = unsafe openat(directory, name, flags)
        }
        return number < 0 ? nil : number
    }

    /// What the directory at `path` holds; nothing where it cannot be read.
    static func names(in path: String) -> [String] {
        let directory = unsafe open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard directory >= 0 else { return [] }
        defer { close(directory) }
        return names(in: directory) ?? []
    }

    /// What the directory open as `directory` holds; nil where it cannot be read.
    static func names(in directory: Int32) -> [String]? {
        let copy = fcntl(directory, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return nil }
        guard let stream = unsafe fdopendir(copy) else {
            close(copy)
            return nil
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
