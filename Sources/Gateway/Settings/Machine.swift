import Glibc
import Platform

/// What defaults are derived from: the facts about machine and user that no setting tells.
struct Machine: Sendable {
    /// Processors in use.
    var cores: Int
    /// Memory of the machine, or of the control group where that is less, in bytes.
    var memoryBytes: Int
    /// True when the process runs as root.
    var isRoot: Bool
    /// The user's home according to the password file.
    var homeDirectory: String?
    /// Where relative paths begin.
    var currentDirectory: String
    /// Whether a path is a program that may be run.
    var isExecutable: @Sendable (String) -> Bool
    /// The addresses of a host name, in the kernel's spelling and an order of their own.
    var addresses: @Sendable (String) throws(HostNameFault) -> [String]

    /// The facts as they are; names that `names` has seen keep the addresses they had.
    static func current(_ names: HostNameMemory = HostNameMemory()) -> Machine {
        let pages = max(1, sysconf(Int32(_SC_PHYS_PAGES)))
        return Machine(
            cores: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            memoryBytes: min(pages * max(1, sysconf(Int32(_SC_PAGESIZE))), controlGroupLimit() ?? .max),
            isRoot: geteuid() == 0, homeDirectory: passwordFileHome(), currentDirectory: workingDirectory(),
            isExecutable: isProgram, addresses: { (name) throws(HostNameFault) in try names.addresses(of: name) })
    }

    /// A path made absolute.
    func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return currentDirectory == "/" ? "/\(relative)" : "\(currentDirectory)/\(relative)"
    }

    private static func isProgram(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        return unsafe access(path, X_OK) == 0
    }

    private static func passwordFileHome() -> String? {
        guard let entry = unsafe getpwuid(geteuid()), let home = unsafe entry.pointee.pw_dir else {
            return nil
        }
        return unsafe String(cString: home)
    }

    private static func workingDirectory() -> String {
        guard let path = unsafe getcwd(nil, 0) else { return "/" }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    /// The least `memory.max` of the process's own group and those above it (control groups version 2); nil where none is
    /// set. The service itself lives in a group of its own below that of its unit.
    private static func controlGroupLimit() -> Int? {
        for line in smallFile("/proc/self/cgroup").split(separator: "\n") where line.hasPrefix("0::/") {
            var group = line.dropFirst(3)
            var least: Int?
            while !group.isEmpty {
                let limit = smallFile("/sys/fs/cgroup\(group)/memory.max")
                if let bytes = DecimalText.parse(limit.utf8.prefix { $0 != UInt8(ascii: "\n") }) { least = min(least ?? bytes, bytes) }
                group = group[..<(group.lastIndex(of: "/") ?? group.startIndex)]
            }
            return least
        }
        return nil
    }

    private static func smallFile(_ path: String) -> String {
        guard let bytes = try? SecretFile.read(path, .system, maximumBytes: 1 << 16) else { return "" }
        return String(decoding: bytes.copy, as: UTF8.self)
    }
}
