import Glibc

/// The memory of a child apart and of all that it has started.
public struct ApartMemory {
    private let child: Int32
    private let hasOwnProc: Bool
    /// Processes that were seen elsewhere. Numbers are given in turn, so that none comes again before these are forgotten.
    private var others: Set<Int32> = []
    private var looks = 0
    private static let looksRemembered = 10

    /// That of a child by its number.
    public init(of child: Int32) { self.init(of: child, hasOwnProc: true) }

    /// The same, which looks at the machine's processes where that is said not to have a /proc of its own.
    init(of child: Int32, hasOwnProc: Bool) {
        self.child = child
        self.hasOwnProc = hasOwnProc
    }

    /// What they have in RAM together, in bytes, what several share counted for each; nil where they cannot be told.
    ///
    /// It looks at processes one by one, where need be at those of the whole machine: not for a loop.
    public mutating func bytes() -> Int? {
        guard let namespace = Self.namespace("/proc/\(child)"), namespace != Self.namespace("/proc/self") else { return nil }
        if hasOwnProc, let bytes = Self.bytes(in: "/proc/\(child)/root/proc", of: namespace) { return bytes }
        return bytesOnMachine(of: namespace)
    }

    /// By the child's own /proc, which shows its processes alone, however many others there are; nil where it has none.
    private static func bytes(in proc: String, of namespace: [CChar]) -> Int? {
        // The first process there is the child: it is where it should be if it is in no other namespace.
        guard Self.namespace("\(proc)/1") == namespace else { return nil }
        return sum(of: proc) { _ in true }
    }

    /// By that of the machine.
    private mutating func bytesOnMachine(of namespace: [CChar]) -> Int? {
        if looks % Self.looksRemembered == 0 { others = [] }
        looks += 1
        return Self.sum(of: "/proc") { process in
            if others.contains(process) { return false }
            let isOurs = Self.namespace("/proc/\(process)") == namespace
            if !isOurs { others.insert(process) }
            return isOurs
        }
    }

    private static func sum(of proc: String, where isMeant: (Int32) -> Bool) -> Int? {
        guard let directory = unsafe opendir(proc) else { return nil }
        defer { unsafe closedir(directory) }
        var bytes = 0
        while let entry = unsafe readdir(directory) {
            let process = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Self.number($0) }
            guard let process, isMeant(process) else { continue }
            bytes += MachineLoad.residentBytes(of: process, in: proc) ?? 0
        }
        return bytes
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

    private static func namespace(_ process: String) -> [CChar]? {
        var text = [CChar](repeating: 0, count: 64)
        let count = unsafe readlink("\(process)/ns/pid", &text, text.count)
        return count > 0 ? Array(text[..<count]) : nil
    }
}
