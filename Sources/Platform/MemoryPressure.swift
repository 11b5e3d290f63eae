import CLinux
import Glibc

/// Whether memory is short for the service, as the kernel counts it for its control group (PSI) or the service manager
/// tells it (MEMORY_PRESSURE_WATCH, of systemd 254 and later).
///
/// Ask once a second. Not for use by several threads at once.
public final class MemoryPressure {
    /// What tells by itself: a pipe or a socket by its bytes, a file of the kernel by an exception. Negative where the time
    /// that tasks have waited for memory is read in `counter` instead.
    private let number: Int32
    private let isFile: Bool
    private let counter: String?
    /// What is no sign of a shortage: how long children have waited because of their own bounds, in microseconds.
    private let ownMaking: () -> Int
    private var last: (waited: Int, ownMaking: Int)?
    /// So much waiting in a second is too much: a tenth, as systemd's own measure.
    private static let mostMicroseconds = 100_000

    /// A watch on what `watch` names, after `writing` it what it is to be told, in base 64; on the own control group's
    /// `group` where nothing is named. Nil where nothing can be watched, or nothing is to be.
    ///
    /// What children wait for because of the bounds of their own groups, which `ownMaking` tells in microseconds, is
    /// counted in `group` and is no sign.
    public init?(
        watch: String?, writing: String?, group: String? = MemoryPressure.ownGroup, ownMaking: @escaping () -> Int = { 0 }
    ) {
        self.ownMaking = ownMaking
        counter = group
        last = group.flatMap { MemoryWaits.waited(in: $0) }.map { ($0, ownMaking()) }
        guard let watch, !watch.isEmpty else {
            guard last != nil else { return nil }
            number = -1
            isFile = true
            return
        }
        guard watch != "/dev/null", let opened = Self.open(watch) else { return nil }
        if let writing, let bytes = Self.bytes(ofBase64: writing), !bytes.isEmpty {
            _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(opened.number, $0.baseAddress, $0.count) }
        }
        number = opened.number
        isFile = opened.isFile
    }

    deinit {
        if number >= 0 { close(number) }
    }

    private static func open(_ path: String) -> (number: Int32, isFile: Bool)? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        let kind = status.st_mode & S_IFMT
        if kind == S_IFSOCK { return connect(path).map { ($0, false) } }
        let number = unsafe Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        return number < 0 ? nil : (number, kind == S_IFREG)
    }

    private static func connect(_ path: String) -> Int32? {
        guard var storage = try? Listener.unixAddress(path) else { return nil }
        let number = linux_stream_socket(AF_UNIX, 0)
        guard number >= 0 else { return nil }
        let result = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(number)
            return nil
        }
        return number
    }

    /// The pressure file of the service's control group; nil where there is none of version 2.
    public static var ownGroup: String? { group(of: MachineLoad.text(of: "/proc/self/cgroup")) }

    /// The same by the lines of /proc/self/cgroup. Where children have groups of their own, this process stands beside
    /// them, and what they wait for is counted above it alone.
    static func group(of lines: String) -> String? {
        guard let line = lines.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return nil }
        let own = line.dropFirst(3)
        let inside = "/\(Delegation.ownGroup)"
        let path = own.hasSuffix(inside) ? own.dropLast(inside.utf8.count) : own
        return "/sys/fs/cgroup\(path == "/" ? "" : path)/memory.pressure"
    }

    /// True when memory has been short since the last question.
    public func hasBeenShort() -> Bool {
        let waited = wait()
        guard number >= 0 else { return waited.map { $0.others >= Self.mostMicroseconds } ?? false }
        var entry = pollfd(fd: number, events: Int16(isFile ? POLLPRI : POLLIN), revents: 0)
        guard unsafe poll(&entry, 1, 0) == 1, entry.revents & entry.events != 0 else { return false }
        if isFile {
            // By what the operator has set; unless it was the children's own making for the most part.
            return waited.map { $0.others >= Self.mostMicroseconds || $0.others * 2 >= $0.all } ?? true
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        var count = 0
        // An end of the stream is readable for ever, and says nothing.
        var isTold = false
        repeat {
            count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(number, $0.baseAddress, $0.count) }
            isTold = isTold || count > 0
        } while count == bytes.count
        return isTold
    }

    /// How long tasks have waited since the last question, in microseconds, and how long not by their own making; nil where
    /// that is not counted.
    private func wait() -> (all: Int, others: Int)? {
        guard let now = counter.flatMap({ MemoryWaits.waited(in: $0) }) else { return nil }
        // A wait within a group is one above it too.
        let made = last.map { now == $0.waited ? $0.ownMaking : ownMaking() } ?? ownMaking()
        defer { last = (now, made) }
        return last.map { (now - $0.waited, now - $0.waited - max(0, made - $0.ownMaking)) }
    }

    private static func bytes(ofBase64 text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits = 0
        var count = 0
        for letter in text.utf8 where letter != UInt8(ascii: "=") {
            let value: Int
            switch letter {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = Int(letter) - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = Int(letter) - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = Int(letter) + 4
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            default: return nil
            }
            bits = (bits << 6 | value) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return bytes
    }
}
