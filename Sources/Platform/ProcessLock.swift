import Glibc

/// A file that one process at a time holds for as long as it lives.
///
/// The lock belongs to the open file, not to what stands in it: the kernel gives it back when the process ends, however
/// it ends, and children do not inherit it.
public enum ProcessLock {
    // <fcntl.h> shows these under _GNU_SOURCE only. Locks of the open file description: those of POSIX would go as soon
    // as anything in the process closes the file, and flock(2) cannot be asked without being taken.
    private static let ask: Int32 = 36  // F_OFD_GETLK
    private static let set: Int32 = 37  // F_OFD_SETLK

    /// Takes the lock until the process ends; false when another one has it. Makes the file, mode 0600, if there is none.
    ///
    /// `isBrief` says to others that it will be free again in a moment.
    public static func hold(_ path: String, isBrief: Bool = false) throws(SystemError) -> Bool {
        try take(path, isBrief: isBrief) != nil
    }

    /// The same; the result is the open file that has the lock, to be handed to a successor, which then has it too. Nil
    /// when another process has it.
    public static func take(_ path: String, isBrief: Bool = false) throws(SystemError) -> Int32? {
        let number = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0o600)
        guard number >= 0 else { throw .last("open") }
        var lock = whole
        // One byte is as good as all of them: whoever wants it whole meets this one, and whoever wants the same too.
        if isBrief { lock.l_len = 1 }
        if unsafe fcntl(number, set, &lock) == 0 { return number }  // Never closed: it is the process's to its end.
        let failure = SystemError.last("fcntl")
        close(number)
        guard failure.code == EAGAIN || failure.code == EACCES else { throw failure }
        return nil
    }

    /// True when an open file that was handed on is the one at that path.
    public static func isLock(_ number: Int32, of path: String) -> Bool {
        var (ours, theirs) = (stat(), stat())
        return unsafe fstat(number, &ours) == 0 && lstat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino
            && ours.st_dev == theirs.st_dev
    }

    /// True when a process has the lock; asking does not take it.
    public static func isHeld(_ path: String) -> Bool { holder(of: path) != nil }

    /// True when the process that has the lock will give it back in a moment.
    public static func isHeldBriefly(_ path: String) -> Bool { holder(of: path)?.l_len == 1 }

    private static func holder(of path: String) -> flock? {
        let number = unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY)
        guard number >= 0 else { return nil }
        defer { close(number) }
        var lock = whole
        return unsafe fcntl(number, ask, &lock) == 0 && lock.l_type != F_UNLCK ? lock : nil
    }

    private static var whole: flock {
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        return lock
    }
}
