import Glibc

/// Files that have no name any more, and live as long as a process of a child apart has them open.
struct NamelessFiles {
    private let child: Int32

    /// Those of a child by its number, and of all that it has started.
    init(of child: Int32) { self.child = child }

    /// What they take on the disk, in bytes; nil where it cannot be told: the child is not apart, or has no /proc of its own.
    ///
    /// It looks at each process: not for a loop.
    func bytes() -> Int? {
        let proc = "/proc/\(child)/root/proc"
        // The first process there is the child: it is where it should be if it is in no other namespace.
        guard let namespace = Self.namespace("/proc/\(child)"), namespace != Self.namespace("/proc/self"),
            namespace == Self.namespace("\(proc)/1"), let processes = Self.numbers(in: proc)
        else { return nil }
        var seen: Set<[UInt64]> = []
        return processes.reduce(0) { $0 + Self.bytes(in: "\(proc)/\($1)/fd", &seen) }
    }

    private static func bytes(in folder: String, _ seen: inout Set<[UInt64]>) -> Int {
        var bytes = 0
        for number in numbers(in: folder) ?? [] {
            var status = stat()
            guard unsafe stat("\(folder)/\(number)", &status) == 0, status.st_nlink == 0, status.st_mode & S_IFMT == S_IFREG,
                seen.insert([UInt64(status.st_dev), UInt64(status.st_ino)]).inserted
            else { continue }
            bytes += Int(status.st_blocks) * 512
        }
        return bytes
    }

    /// The numbers among the names in a directory of /proc; nil where it cannot be read.
    private static func numbers(in path: String) -> [Int32]? {
        guard let directory = unsafe opendir(path) else { return nil }
        defer { unsafe closedir(directory) }
        var numbers: [Int32] = []
        while let entry = unsafe readdir(directory) {
            if let number = unsafe withUnsafeBytes(of: &entry.pointee.d_name, { unsafe number($0) }) { numbers.append(number) }
        }
        return numbers
    }

    /// The number that a name is; nil for another.
    private static func number(_ name: UnsafeRawBufferPointer) -> Int32? {
        var number: Int32 = 0
        for unsafe byte in unsafe name.prefix(while: { $0 != 0 }) {
            guard (0x30...0x39).contains(byte), number < 1 << 27 else { return nil }
            number = number * 10 + Int32(byte - 0x30)
        }
        return number
    }

    private static func namespace(_ process: String) -> [CChar]? {
        var text = [CChar](repeating: 0, count: 64)
        let count = unsafe readlink("\(process)/ns/pid", &text, text.count)
        return count > 0 ? Array(text[..<count]) : nil
    }
}
