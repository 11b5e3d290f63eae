import Glibc

/// Looks again and again at what a run takes of disks.
struct DiskWatch {
    private let disk: RunWatch.Disk
    /// What there was at the beginning, which a run may find and is to be let clean up.
    private let before: DiskUse

    /// Counts, and notes each file in `files`, if there is a place for that.
    init(_ disk: RunWatch.Disk, noting files: inout FileStamps?) {
        self.disk = disk
        before = DiskUse(of: disk.lasting, noting: &files)
    }

    func look(at nameless: NamelessFiles?) -> RunWatch.Excess? {
        let most = max(disk.bytes, before.bytes)
        let lasting = DiskUse(of: disk.lasting, upTo: most)
        if lasting.bytes > most { return .disk }
        if lasting.isBeyondCounting, !before.isBeyondCounting { return .tree }
        let passing = disk.passing.map { DiskUse(of: $0, upTo: disk.bytes) } ?? DiskUse()
        if passing.bytes + (nameless?.bytes() ?? 0) > disk.bytes { return .passingDisk }
        return passing.isBeyondCounting ? .tree : nil
    }

    /// So much is to be left for others: the gateway's own records are on one of them, as a rule.
    private static let room: UInt = 1 << 30
    private static let share: UInt = 50

    var isAlmostFull: Bool {
        for path in [disk.lasting] + (disk.passing.map { [$0] } ?? []) {
            var status = statvfs()
            guard unsafe statvfs(path, &status) == 0 else { continue }
            let size = status.f_blocks * status.f_frsize
            if status.f_bavail * status.f_frsize < min(Self.room, size / Self.share) { return true }
        }
        return false
    }
}
