import Glibc

/// The memory of a child apart and of all that it has started.
public struct ApartMemory {
    private let child: Int32
    /// Processes that were seen elsewhere. Numbers are given in turn, so that none comes again before these are forgotten.
    private var others: Set<Int32> = []
    private var looks = 0
    private static let looksRemembered = 10

    /// That of a child by its number.
    public init(of child: Int32) { self.child = child }

    /// What they have in RAM together, in bytes, what several share counted for each; nil where they cannot be told.
    ///
    /// It looks at the processes of the machine, and now and then at each anew: not for a loop.
    public mutating func bytes() -> Int? {
        guard let namespace = Self.namespace(of: child), namespace != Self.namespace(of: getpid()) else { return nil }
        guard let directory = unsafe opendir("/proc") else { return nil }
        defer { unsafe closedir(directory) }
        if looks % Self.looksRemembered == 0 { others = [] }
        looks += 1
        var pages = 0
        while let entry = unsafe readdir(directory) {
            let process = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Self.number($0) }
            guard let process, !others.contains(process) else { continue }
            guard Self.namespace(of: process) == namespace else {
                others.insert(process)
                continue
            }
            pages += MachineLoad.text(of: "/proc/\(process)/statm").split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    /// The number that a name is; nil for another.
    private static func number(_ name: UnsafeRawBufferPointer) -> Int32? {
        var number: Int32 = 0
        for unsafe byte in unsafe name.prefix(while: { $0 != 0 }) {
            guard (0x30...0x39).contains(byte), number < 1 << 27 else { return nil }
            number = number * 10 + Int32(byte - 0x30)
        }
        return number > 0 ? number : nil
    }

    private static func namespace(of process: Int32) -> [CChar]? {
        var text = [CChar](repeating: 0, count: 64)
        let count = unsafe readlink("/proc/\(process)/ns/pid", &text, text.count)
        return count > 0 ? Array(text[..<count]) : nil
    }
}
