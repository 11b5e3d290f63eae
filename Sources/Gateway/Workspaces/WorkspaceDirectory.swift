import ClaudeCLI
import Glibc

/// Makes and checks the directories that workspaces name.
enum WorkspaceDirectory {
    /// The directory as it is granted, without links; made where only its last part is missing.
    static func prepare(_ path: String) throws(ValueProblem) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        let path = String(trimmed)
        var status = stat()
        if unsafe lstat(path, &status) != 0 {
            guard errno == ENOENT, unsafe mkdir(path, 0o700) == 0, unsafe lstat(path, &status) == 0 else {
                throw ValueProblem("\(quoted(path)) is not there and cannot be made (\(reason(errno)))")
            }
        }
        // Whoever may change a link decides what is granted.
        guard status.st_mode & S_IFMT == S_IFDIR else { throw ValueProblem("\(quoted(path)) is not a directory") }
        guard unsafe access(path, R_OK | W_OK | X_OK) == 0 else {
            throw ValueProblem("\(quoted(path)) must be read and written by the user of the service (\(reason(errno)))")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            throw ValueProblem("\(quoted(path)) may be written by everybody; chmod o-w")
        }
        guard let resolved = unsafe realpath(path, nil) else {
            throw ValueProblem("\(quoted(path)) cannot be followed (\(reason(errno)))")
        }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// True where the file system runs nothing.
    static func forbidsPrograms(_ directory: String) -> Bool {
        let noPrograms: UInt = 8  // ST_NOEXEC, which the GNU library shows to few.
        var status = statvfs()
        return unsafe statvfs(directory, &status) == 0 && status.f_flag & noPrograms != 0
    }

    /// What the system says, and what helps where a unit hides the place.
    private static func reason(_ error: Int32) -> String {
        let text = unsafe String(cString: strerror(error))
        return [EACCES, EROFS, EPERM, ENOENT].contains(error) ? "\(text); beneath systemd ReadWritePaths= opens it, as in agents.conf" : text
    }

    /// What is wrong with a workspace there beside these places, which are the gateway's or another workspace's.
    static func problem(of directory: String, beside places: [String]) -> String? {
        if let system = systemPlaces.first(where: { directory == $0 || directory.hasPrefix($0 + "/") }) {
            return "\(quoted(directory)) lies in \(system), which is the system's"
        }
        if directory.split(separator: "/").count < 2 { return "\(quoted(directory)) is too near to the root of all files" }
        for place in places where lies(directory, in: place) || lies(place, in: directory) {
            return "\(quoted(directory)) and \(place) lie one within the other"
        }
        return nil
    }

    private static func lies(_ path: String, in place: String) -> Bool { path == place || path.hasPrefix(place + "/") }

    private static let systemPlaces = [
        "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr",
    ]

    /// The key's own directory in one that keys do not share; made on its first use.
    static func own(of key: String, in directory: String) -> String? {
        let path = directory + "/" + name(of: key)
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { return nil }
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return path
    }

    /// A key's name as a file's: what else it holds than letters, digits, `-`, `_` and `.` is written in hexadecimal.
    private static func name(of key: String) -> String {
        var name = ""
        for byte in key.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                name.append(Character(UnicodeScalar(byte)))
            case UInt8(ascii: ".") where !name.isEmpty: name.append(".")
            default: name += "%" + String(byte, radix: 16)
            }
        }
        return name
    }
}
