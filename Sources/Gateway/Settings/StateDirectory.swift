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
        guard status.st_mode & (S_IWOTH | S_IWGRP) == 0 else {
            return ConfigurationFault("STATE_DIR", "\(path) may be written by others; chmod 700")
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
    ///
    /// The result is the open file whose lock says so. `handed` is that of the process whose place this one takes: both
    /// have it then.
    static func claim(_ path: String, handed: Int32? = nil) throws(ConfigurationFaults) -> Int32 {
        if let handed {
            if ProcessLock.isLock(handed, of: lock(path)) { return handed }
            throw ConfigurationFaults([ConfigurationFault("STATE_DIR", "is another than the former process's; restart the service")])
        }
        let problem: String
        do throws(SystemError) {
            let end = Instant.now + .seconds(briefSeconds)
            while true {
                if let number = try ProcessLock.take(lock(path)) { return number }
                // A command that changes something in it is over in a moment.
                guard ProcessLock.isHeldBriefly(lock(path)), Instant.now < end else { break }
                pause()
            }
            problem = "is in use by another service; give each a directory of its own"
        } catch {
            problem = "cannot be locked, \(error.description)"
        }
        throw ConfigurationFaults([ConfigurationFault("STATE_DIR", "\(path) \(problem)")])
    }

    /// Makes the directory this process's own for a moment, as a command does; false when a service has it, or another
    /// command for long.
    static func claimBriefly(_ path: String) throws(SystemError) -> Bool {
        let end = Instant.now + .seconds(briefSeconds)
        while true {
            if try ProcessLock.hold(lock(path), isBrief: true) { return true }
            guard ProcessLock.isHeldBriefly(lock(path)), Instant.now < end else { return false }
            pause()
        }
    }

    /// What the lock of a command cannot tell is when it is over.
    static func pause() { _ = poll(nil, 0, 20) }

    private static let briefSeconds = 5

    /// True when a running service has the directory.
    static func isInUse(_ path: String) -> Bool { ProcessLock.isHeld(lock(path)) }

    private static func lock(_ path: String) -> String { path + "/lock" }
}
