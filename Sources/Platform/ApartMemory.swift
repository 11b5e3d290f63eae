import Glibc

/// The memory of a child apart and of all that it has started.
public enum ApartMemory {
    /// What they have in RAM together, in bytes, what several share counted for each; nil where they cannot be told.
    ///
    /// It looks at all processes of the machine: some milliseconds, not for a loop.
    public static func bytes(of child: Int32) -> Int? {
        guard let namespace = namespace(of: child), namespace != self.namespace(of: getpid()) else { return nil }
        guard let directory = unsafe opendir("/proc") else { return nil }
        defer { unsafe closedir(directory) }
        var pages = 0
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let process = Int32(name), self.namespace(of: process) == namespace else { continue }
            pages += MachineLoad.text(of: "/proc/\(process)/statm").split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    private static func namespace(of process: Int32) -> [CChar]? {
        var text = [CChar](repeating: 0, count: 64)
        let count = unsafe readlink("/proc/\(process)/ns/pid", &text, text.count)
        return count > 0 ? Array(text[..<count]) : nil
    }
}
