import Glibc

/// What the kernel tells of load and memory (proc(5)); nil where it does not.
public enum MachineLoad {
    /// True while more tasks want to run than there are processors.
    public static var isBusy: Bool {
        // "0.20 0.18 0.12 1/80 11206": runnable tasks, this one among them, before the slash.
        let words = text(of: "/proc/loadavg").split(separator: " ")
        guard words.count > 3, let runnable = Int(words[3].prefix { $0 != "/" }) else { return false }
        return runnable > max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    /// How much of the machine's memory can be had without swapping, in hundredths.
    public static var freePercent: Int? {
        let lines = text(of: "/proc/meminfo").split(separator: "\n")
        guard let total = kilobytes("MemTotal:", in: lines), let free = kilobytes("MemAvailable:", in: lines), total > 0
        else { return nil }
        return free * 100 / total
    }

    /// The memory that a process uses, what it shares counted in part, in bytes.
    public static func proportionalBytes(of pid: Int32) -> Int? {
        kilobytes("Pss:", in: text(of: "/proc/\(pid)/smaps_rollup").split(separator: "\n")).map { $0 << 10 }
    }

    /// True for a process that uses more, what it shares counted in part.
    ///
    /// To count that the kernel goes through all pages, for milliseconds. What it has counted as pages came and went is
    /// there at once, and holds shared ones in full: a process that is small by that is small.
    public static func isLarger(_ pid: Int32, than bytes: Int) -> Bool {
        if let resident = residentBytes(of: pid), resident < bytes - min(bytes, inaccuracy) { return false }
        return proportionalBytes(of: pid) ?? 0 > bytes
    }

    /// The memory that a process uses, what it shares counted in full, in bytes, as far as the kernel has summed it up.
    static func residentBytes(of pid: Int32) -> Int? { resident(text(of: "/proc/\(pid)/statm")) }

    /// The same by a /proc that is open as `proc`.
    static func residentBytes(of pid: Int32, in proc: Int32) -> Int? { resident(text(of: "\(pid)/statm", in: proc)) }

    private static func resident(_ statm: String) -> Int? {
        statm.split(separator: " ").dropFirst().first.flatMap { Int($0) }
            .map { $0 * sysconf(Int32(_SC_PAGESIZE)) }
    }

    /// How many bytes may be missing in such a sum: of each of three kinds of pages, since Linux 6.2, some that each
    /// processor has counted for itself; before, 64 for each thread.
    private static let inaccuracy: Int = {
        let processors = sysconf(Int32(_SC_NPROCESSORS_CONF))
        return (16 << 20) + 3 * processors * max(32, 2 * processors) * sysconf(Int32(_SC_PAGESIZE))
    }()

    private static func kilobytes(_ name: String, in lines: [Substring]) -> Int? {
        guard let line = lines.first(where: { $0.hasPrefix(name) }) else { return nil }
        return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }

    static func text(of path: String, in directory: Int32 = AT_FDCWD) -> String {
        let number = unsafe openat(directory, path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return "" }
        let file = FileDescriptor(adopting: number)
        var bytes = [UInt8](repeating: 0, count: 8192)
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe file.read(into: $0) }
        guard case .bytes(let count) = result else { return "" }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
