import Glibc

/// What the files beneath a directory were at a moment: enough to tell afterwards which of them were made, changed or taken
/// away since, whoever did it.
///
/// A file is known by its path, its number and the time of its last change, which nobody can set. What is in a directory
/// `.git` is left out: that is where one tool keeps its books.
public struct FileStamps: Sendable {
    private struct Stamp: Equatable, Sendable {
        let number: UInt64
        let seconds: Int
        let nanoseconds: Int
    }

    private var stamps: [String: Stamp] = [:]
    /// True where there are more files than are looked at, or some cannot be read.
    public internal(set) var isPartial = false

    /// More files are not looked at.
    public static let mostFiles = 20_000

    /// No files.
    init() {}

    /// The files beneath `path`. It reads directories: not for a loop.
    public init(of path: String) {
        var notes: FileStamps? = FileStamps()
        _ = DiskUse(of: path, noting: &notes)
        self = notes ?? FileStamps()
    }

    /// Takes a file, unless there are too many.
    mutating func note(_ path: String, _ status: stat) {
        guard stamps.count < Self.mostFiles else { return isPartial = true }
        stamps[path] = Stamp(
            number: UInt64(status.st_ino), seconds: status.st_ctim.tv_sec, nanoseconds: status.st_ctim.tv_nsec)
    }

    /// The paths, in order, of files that were made, changed or taken away between `earlier` and this.
    ///
    /// Where either is partial, what only one of them has may have been left out of the other, and is not named.
    public func changed(since earlier: FileStamps) -> [String] {
        var paths: [String] = []
        for (path, stamp) in stamps {
            guard let before = earlier.stamps[path] else {
                if !earlier.isPartial { paths.append(path) }
                continue
            }
            if before != stamp { paths.append(path) }
        }
        if !isPartial { paths += earlier.stamps.keys.filter { stamps[$0] == nil } }
        return paths.sorted()
    }
}
