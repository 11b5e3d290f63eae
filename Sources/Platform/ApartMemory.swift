import Glibc

/// The memory of a child apart and of all that it has started.
public struct ApartMemory {
    private let child: Int32
    private let hasOwnProc: Bool
    /// The child's own /proc, which shows its processes alone, however many others there are; nil as long as it has not
    /// been found.
    private var inside: ProcFolder?
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
        if let inside { return Self.bytes(of: inside) { _ in true } }
        guard let machine = ProcFolder("/proc"), let namespace = machine.namespace(of: "\(child)") else { return nil }
        guard namespace != machine.namespace(of: "self") else { return nil }
        // The first process there is the child: it is where it should be if it is in no other namespace.
        if hasOwnProc, let folder = ProcFolder("/proc/\(child)/root/proc"), folder.namespace(of: "1") == namespace {
            inside = folder
            return Self.bytes(of: folder) { _ in true }
        }
        if looks % Self.looksRemembered == 0 { others = [] }
        looks += 1
        return Self.bytes(of: machine) { process in
            if others.contains(process) { return false }
            let isOurs = machine.namespace(of: "\(process)") == namespace
            if !isOurs { others.insert(process) }
            return isOurs
        }
    }

    private static func bytes(of folder: ProcFolder, where isMeant: (Int32) -> Bool) -> Int {
        var bytes = 0
        folder.forEachProcess { process in
            if isMeant(process) { bytes += MachineLoad.residentBytes(of: process, in: folder.number) ?? 0 }
        }
        return bytes
    }
}

/// A /proc that is kept open, with the processes of one namespace.
@safe private final class ProcFolder {
    private let stream: OpaquePointer

    /// Nil where it cannot be read.
    init?(_ path: String) {
        guard let stream = unsafe opendir(path) else { return nil }
        unsafe self.stream = stream
    }

    deinit { unsafe closedir(stream) }

    /// Its descriptor.
    var number: Int32 { unsafe dirfd(stream) }

    /// The namespace of processes that one by this name is in, in the kernel's words; nil where that is not told.
    func namespace(of process: String) -> [CChar]? {
        var text = [CChar](repeating: 0, count: 64)
        let count = unsafe readlinkat(number, "\(process)/ns/pid", &text, text.count)
        return count > 0 ? Array(text[..<count]) : nil
    }

    /// Goes through the processes that there are now.
    func forEachProcess(_ body: (Int32) -> Void) {
        unsafe rewinddir(stream)
        while let entry = unsafe readdir(stream) {
            let process = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Self.process($0) }
            if let process { body(process) }
        }
    }

    /// The number that a name is; nil for another.
    private static func process(_ name: UnsafeRawBufferPointer) -> Int32? {
        var number: Int32 = 0
        for unsafe byte in unsafe name.prefix(while: { $0 != 0 }) {
            guard (0x30...0x39).contains(byte), number < 1 << 27 else { return nil }
            number = number * 10 + Int32(byte - 0x30)
        }
        return number > 0 ? number : nil
    }
}
