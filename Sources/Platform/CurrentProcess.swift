import CLinux
import Glibc

/// Settings of this process as a whole.
public enum CurrentProcess {
    /// Raises the soft limit of open descriptors to the hard one; returns the limit now in force.
    @discardableResult
    public static func raiseOpenFiles() -> Int { Int(clamping: linux_raise_open_files()) }

    /// Gives up root's rights for those of the user who owns a file or directory, for good; returns false where that
    /// user is root as well, or there is no such file. Without effect for any other user.
    public static func becomeOwner(of path: String) throws(SystemError) -> Bool {
        var status = stat()
        guard geteuid() == 0, unsafe stat(path, &status) == 0, status.st_uid != 0 else { return false }
        let user = status.st_uid
        if let entry = unsafe getpwuid(user) {
            guard unsafe initgroups(entry.pointee.pw_name, entry.pointee.pw_gid) == 0 else { throw .last("initgroups") }
            guard unsafe setgid(entry.pointee.pw_gid) == 0 else { throw .last("setgid") }
        } else {
            // A user without an entry, as one of systemd's that exists only while its service runs.
            guard setgroups(0, nil) == 0 else { throw .last("setgroups") }
            guard setgid(status.st_gid) == 0 else { throw .last("setgid") }
        }
        guard setuid(user) == 0 else { throw .last("setuid") }
        return true
    }

    /// The path of the program: as it was started where that is a whole path, so that a link leads to what it leads to
    /// now; else the file of this process as it was called at the first look, which is to be at the start.
    public static let program: String = {
        if let first = CommandLine.arguments.first, first.hasPrefix("/") { return first }
        guard let path = unsafe realpath("/proc/self/exe", nil) else { return CommandLine.arguments.first ?? "" }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }()

    /// The arguments, the first being the name: in walls too, where /proc/self/cmdline, which `CommandLine` reads, may be closed.
    public static let arguments: [String] = {
        guard var next = unsafe linux_arguments() else { return CommandLine.arguments }
        var found: [String] = []
        while let argument = unsafe next.pointee {
            found.append(unsafe String(cString: argument))
            unsafe next += 1
        }
        return found
    }()

    /// The files of the libraries that the program is put together with, by where they are.
    public static let libraries: [String] = {
        let number = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return [] }
        let file = FileDescriptor(adopting: number)
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case .bytes(let count) = unsafe piece.withUnsafeMutableBytes({ unsafe file.read(into: $0) }) { text += piece[..<count] }
        var found: Set<String> = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            // Addresses, rights, offset, device, inode, path.
            let columns = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
            guard columns.count == 6, columns[1].contains(UInt8(ascii: "x")) else { continue }
            let path = String(decoding: columns[5].drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
            if path.hasPrefix("/"), unsafe access(path, R_OK) == 0 { found.insert(path) }
        }
        return found.sorted()
    }()

    /// No core dump, and no other process of this user may read our memory, which holds keys.
    public static func forbidDumps() { _ = linux_forbid_dumps() }

    /// Lets the allocator keep what is freed under load, instead of giving a buffer's pages back and faulting them in
    /// again at each batch of events; `releaseMemory` gives them back when it is quiet.
    public static func keepHeap() { linux_keep_heap(32 << 20) }

    /// Gives the heap's free pages back, those at its end for the calling thread's own heap alone.
    ///
    /// It takes milliseconds after a great load: call it when there is nothing else to do.
    public static func releaseMemory() { linux_release_heap() }
}

extension CurrentProcess {
    /// The processor time that this process has taken, in seconds.
    public static var processorSeconds: Double { processorSeconds(of: Int32(RUSAGE_SELF.rawValue)) }

    /// The processor time of all children that have ended and were waited for, in seconds.
    public static var childrenProcessorSeconds: Double { processorSeconds(of: Int32(RUSAGE_CHILDREN.rawValue)) }

    /// The memory that this process has in RAM, in bytes; nil where the kernel does not tell.
    public static var residentBytes: Int? {
        let pages = MachineLoad.text(of: "/proc/self/statm").split(separator: " ").dropFirst().first
        return pages.flatMap { Int($0) }.map { $0 * sysconf(Int32(_SC_PAGESIZE)) }
    }

    private static func processorSeconds(of whom: __rusage_who_t) -> Double {
        var usage = rusage()
        guard unsafe getrusage(whom, &usage) == 0 else { return 0 }
        let micro = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + $1.tv_sec * 1_000_000 + Int($1.tv_usec) }
        return Double(micro) / 1_000_000
    }
}
