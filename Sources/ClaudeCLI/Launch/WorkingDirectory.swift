import Glibc
import Synchronization
import Vocabulary

/// The directory in which all turns start: empty, and not to be written.
///
/// The CLI tells the model its path and what it finds there. As long as both stay the same, so does the text, and with
/// it what the vendor has cached of a conversation and the thinking that is bound to it.
final class WorkingDirectory: Sendable {
    let path: String
    /// Held while something is mended, which two turns must not do at once.
    private let mending = Mutex(())

    private static let mode: mode_t = 0o555

    init(_ path: String) { self.path = path }

    /// Sees to it that the directory is there, empty, ours and closed; false when it is not and cannot be made so.
    ///
    /// The mode keeps out nobody who is root or changes it, as a program of a registered MCP server can: what such a
    /// one has left is removed before the next turn starts, links not followed.
    func prepare() -> Bool {
        if isSound { return true }
        return mending.withLock { _ in
            if isSound { return true }
            mend()
            return isSound
        }
    }

    private var isSound: Bool {
        let directory = Self.open(path)
        guard directory >= 0 else { return false }
        defer { close(directory) }
        var status = stat()
        guard unsafe fstat(directory, &status) == 0, status.st_mode & 0o7777 == Self.mode, Self.isOurs(directory)
        else { return false }
        return PrivateTree.names(in: directory)?.isEmpty == true
    }

    /// In place where possible: other turns stand in it.
    private func mend() {
        var directory = Self.open(path)
        if directory < 0, errno == EACCES {
            _ = unsafe fchmodat(AT_FDCWD, path, 0o700, AT_SYMLINK_NOFOLLOW)
            directory = Self.open(path)
        }
        if directory < 0 || !Self.isOurs(directory) {
            if directory >= 0 { close(directory) }
            // A file, a link, or somebody else's: it goes, and with it nothing that it leads to.
            if unsafe unlink(path) != 0, errno == EISDIR { _ = unsafe rmdir(path) }
            guard unsafe mkdir(path, 0o700) == 0 else { return }
            directory = Self.open(path)
        }
        guard directory >= 0 else { return }
        defer { close(directory) }
        _ = fchmod(directory, 0o700)
        _ = PrivateTree.empty(path, keeping: [])
        _ = fchmod(directory, Self.mode)
    }

    private static func isOurs(_ directory: Int32) -> Bool {
        var status = stat()
        return unsafe fstat(directory, &status) == 0 && status.st_uid == geteuid()
    }

    private static func open(_ path: String) -> Int32 {
        unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }
}
