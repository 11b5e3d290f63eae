import CLinux

/// Settings of this process as a whole.
public enum CurrentProcess {
    /// Raises the soft limit of open descriptors to the hard one; returns the limit now in force.
    @discardableResult
    public static func raiseOpenFiles() -> Int { Int(clamping: linux_raise_open_files()) }

    /// No core dump, and no other process of this user may read our memory, which holds keys.
    public static func forbidDumps() { _ = linux_forbid_dumps() }
}
