import Glibc

/// How much the files beneath a directory take on the disk.
///
/// No link is followed, no other file system entered, and a file of several names counts once. It reads directories, for
/// seconds where there are many: not for a loop.
public struct DiskUse: Sendable, Equatable {
    /// What the files take, in bytes: what the file system has set aside for them.
    public private(set) var bytes = 0
    /// How many files and directories there are.
    public private(set) var entries = 0
    /// True where not all was looked at: it is more than `bytes`, or cannot be read.
    public private(set) var isPartial = false
    /// True where that is since there are too many files, or directories too deep, to be counted at all.
    public private(set) var isBeyondCounting = false

    /// Deeper trees are not counted to the end.
    public static let maxDepth = 128
    /// More files are not counted to the end.
    public static let maxEntries = 2_000_000

    /// Nothing.
    public init() {}

    /// Counts the files beneath `path`, but no further than to more than `bound` bytes.
    public init(of path: String, upTo bound: Int = .max) {
        var nothing: FileStamps?
        self.init(of: path, upTo: bound, noting: &nothing)
    }

    /// The same, noting each file in `notes`, if there are any.
    init(of path: String, upTo bound: Int = .max, noting notes: inout FileStamps?) {
        let root = unsafe open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        var status = stat()
        guard root >= 0, unsafe fstat(root, &status) == 0 else {
            if root >= 0 { close(root) }
            isPartial = true
            notes?.isPartial = true
            return
        }
        var walk = Walk(device: status.st_dev, bound: bound, notes: notes)
        notes = nil
        count(root, &walk, in: walk.notes == nil ? nil : "", depth: 0)
        if isPartial { walk.notes?.isPartial = true }
        notes = walk.notes
    }

    /// What a walk keeps beside the count.
    private struct Walk {
        let device: dev_t
        let bound: Int
        var notes: FileStamps?
        var seen: Set<UInt64> = []
    }

    /// Takes over `directory`.
    ///
    /// `prefix` stands before the names of its files in notes; nil where none are taken.
    private mutating func count(_ directory: Int32, _ walk: inout Walk, in prefix: String?, depth: Int) {
        guard let stream = unsafe fdopendir(directory) else {
            close(directory)
            isPartial = true
            return
        }
        defer { unsafe closedir(stream) }
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe $0.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0] }
            if name == [0x2E, 0] || name == [0x2E, 0x2E, 0] { continue }
            guard bytes <= walk.bound, entries < Self.maxEntries else {
                if entries >= Self.maxEntries { isBeyondCounting = true }
                isPartial = true
                return
            }
            var status = stat()
            let found = unsafe fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW)
            guard found == 0, status.st_dev == walk.device else { continue }
            entries += 1
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            if isDirectory || status.st_nlink < 2 || walk.seen.insert(UInt64(status.st_ino)).inserted { bytes += Int(status.st_blocks) * 512 }
            var below: String?
            if let prefix, walk.notes?.isPartial == false {
                let path = prefix + String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
                if !isDirectory { walk.notes?.note(path, status) } else if path != ".git", !path.hasSuffix("/.git") { below = path + "/" }
            }
            guard isDirectory else { continue }
            let inner = unsafe openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            if inner >= 0, depth < Self.maxDepth {
                count(inner, &walk, in: below, depth: depth + 1)
            } else {
                if inner >= 0 { isBeyondCounting = true }
                if inner >= 0 || errno != ENOENT { isPartial = true }
                if inner >= 0 { close(inner) }
            }
        }
    }
}
