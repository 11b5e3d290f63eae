import Glibc

/// The files by which the kernel is told of control groups (cgroups(7), version 2).
enum GroupFiles {
    /// Writes a value into a file that is there; throws what the kernel says of it.
    static func write(_ value: String, to path: String) throws(SystemError) {
        let number = unsafe open(path, O_WRONLY | O_CLOEXEC)
        guard number >= 0 else { throw .last("control group") }
        let file = FileDescriptor(adopting: number)
        switch file.write(Array(value.utf8).span) {
        case .bytes: return
        case .failed(let code): throw SystemError(code: code, call: "control group")
        case .wouldBlock, .end: throw SystemError(code: EIO, call: "control group")
        }
    }

    /// The groups in a group.
    static func groups(in path: String) -> [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            guard unsafe entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Kills what is in a group and in those that it holds, and removes them all; false while something is left.
    static func remove(_ path: String) -> Bool {
        do throws(SystemError) { try write("1", to: path + "/cgroup.kill") } catch {
            if error.code == ENOENT, unsafe access(path, F_OK) != 0 { return true }
        }
        return removeEmpty(path, depth: 0)
    }

    private static func removeEmpty(_ path: String, depth: Int) -> Bool {
        if unsafe rmdir(path) == 0 || errno == ENOENT { return true }
        guard depth < 8 else { return false }
        for name in groups(in: path) where !removeEmpty("\(path)/\(name)", depth: depth + 1) { return false }
        return unsafe rmdir(path) == 0
    }
}
