import Glibc
import Platform

/// The directory for what must survive a restart.
enum StateDirectory {
    /// Makes the directory, mode 0700, with its parents, and tries whether files can be made in it.
    static func prepare(_ path: String) -> ConfigurationFault? {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/\(part)"
            if unsafe mkdir(made, 0o700) != 0, errno != EEXIST, errno != EROFS, errno != EACCES {
                return ConfigurationFault("STATE_DIR", "\(made) cannot be made (error \(errno))")
            }
        }
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            return ConfigurationFault("STATE_DIR", "\(path) is no directory and cannot be made")
        }
        guard unsafe access(path, R_OK | W_OK | X_OK) == 0 else {
            return ConfigurationFault("STATE_DIR", "\(path) must not be written by this user")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            return ConfigurationFault("STATE_DIR", "\(path) may be written by everybody; chmod 700")
        }
        return nil
    }

    /// The directory without links: systemd puts one in its place where a user is dynamic, and the ledger follows none,
    /// so that nobody can plant one beside its file.
    static func resolved(_ path: String) -> String {
        guard let target = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(target) }
        return unsafe String(cString: target)
    }

    /// Makes the directory this process's own to its end: two services in one would empty each other's turns.
    static func claim(_ path: String) throws(ConfigurationFaults) {
        let problem: String
        do throws(SystemError) {
            if try ProcessLock.hold(lock(path)) { return }
            problem = "is in use by another service; give each a directory of its own"
        } catch {
            problem = "cannot be locked, \(error.description)"
        }
        throw ConfigurationFaults([ConfigurationFault("STATE_DIR", "\(path) \(problem)")])
    }

    /// True when a running service has the directory.
    static func isInUse(_ path: String) -> Bool { ProcessLock.isHeld(lock(path)) }

    private static func lock(_ path: String) -> String { path + "/lock" }
}
