import Glibc

/// Which file a program is, told without reading it: another file in its place, or other content, is another one.
///
/// The CLI is some 200 MB, so it is not hashed; the change time is the kernel's alone to set. Links are followed, so
/// that one which is moved counts as a change.
public struct ProgramFile: Sendable, Hashable {
    /// Where it was looked for.
    public let path: String
    /// Size in bytes.
    public let size: Int
    private let device: UInt64
    private let inode: UInt64
    private let modified: Time
    private let changed: Time

    private struct Time: Sendable, Hashable {
        let seconds: Int
        let nanoseconds: Int

        init(_ time: timespec) { (seconds, nanoseconds) = (time.tv_sec, time.tv_nsec) }

        var text: String { "\(seconds).\(nanoseconds)" }
    }

    /// The file at `path` at this moment; nil when there is none.
    public init?(path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.path = path
        size = Int(status.st_size)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        modified = Time(status.st_mtim)
        changed = Time(status.st_ctim)
    }

    /// True while the same file stands there, unchanged.
    public var isUnchanged: Bool { ProgramFile(path: path) == self }

    /// Everything by which it is known, a line each.
    public var lines: [String] {
        [
            "path \(path)", "file \(device):\(inode)", "size \(size)", "modified \(modified.text)",
            "changed \(changed.text)",
        ]
    }
}
