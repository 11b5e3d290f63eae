import Glibc
import Platform
import Synchronization

/// The log: one structured line per event on a descriptor, usually standard error.
///
/// A line is one write(2). A reader that does not keep up makes lines drop, never a loop wait; how many were
/// dropped is told in the next line that gets through. Copies share one destination.
struct Log: Sendable {
    private let manner: Manner
    private let destination: Destination
    /// The newest lines that tell of errors and warnings.
    let recent = RecentLines()

    /// A log on `descriptor`, which stays the caller's and must stay open.
    init(_ settings: LogSettings, descriptor: Int32 = 2) {
        destination = Destination(descriptor)
        manner = Manner(settings.level, destination.format(settings))
        recent.keep(settings.keepsRecent)
    }

    /// Takes other settings for this log and all its copies.
    func change(_ settings: LogSettings) {
        manner.level.store(settings.level, ordering: .relaxed)
        manner.format.store(destination.format(settings), ordering: .relaxed)
        recent.keep(settings.keepsRecent)
    }

    /// Lines dropped since the start.
    var droppedLines: Int { destination.droppedInAll }

    /// True when lines of this level are written.
    func writes(_ level: LogLevel) -> Bool { level.rawValue <= manner.level.load(ordering: .relaxed).rawValue }

    /// Writes what went wrong and needs the operator.
    func error(_ message: @autoclosure () -> String) { write(.error, message) }

    /// Writes what went wrong and was survived.
    func warning(_ message: @autoclosure () -> String) { write(.warning, message) }

    /// Writes what happened.
    func info(_ message: @autoclosure () -> String) { write(.info, message) }

    /// Writes what only a developer asks for.
    func debug(_ message: @autoclosure () -> String) { write(.debug, message) }

    /// Writes what is to be found again. In the journal the line has the event's identifier and further fields; where that
    /// does not take it, it is a line as any other.
    func tell(
        _ event: LogEvent, _ message: @autoclosure () -> String, at level: LogLevel = .info, about subject: String? = nil
    ) {
        guard writes(level) else { return }
        let text = message()
        if manner.format.load(ordering: .relaxed) == .journal, let journal = destination.journal {
            var line = LogLine([])
            line.add("level", level.name)
            line.add("msg", text)
            line.finish()
            var entry = Array("MESSAGE=".utf8) + line.bytes
            entry += "PRIORITY=\(level.rawValue)\nSYSLOG_IDENTIFIER=portcullis\nMESSAGE_ID=\(event.id)\n".utf8
            if let subject { entry += "PORTCULLIS_SUBJECT=\(subject)\n".utf8 }
            if journal.send(entry) { return recent.take(level, line.bytes) }
        }
        write(level) { $0.add("msg", text) }
    }

    /// Writes a line of `key=value` pairs; below the level `fill` is not called.
    func write(_ level: LogLevel, _ fill: (inout LogLine) -> Void) {
        guard writes(level) else { return }
        var line = begin(level)
        fill(&line)
        line.finish()
        recent.take(level, line.bytes)
        let dropped = destination.write(line.bytes)
        guard dropped > 0 else { return }
        var note = begin(.warning)
        note.add("msg", "log lines dropped: the reader does not keep up")
        note.add("dropped", dropped)
        note.finish()
        _ = destination.write(note.bytes)
    }

    private func write(_ level: LogLevel, _ message: () -> String) {
        guard writes(level) else { return }
        write(level) { $0.add("msg", message()) }
    }

    private func begin(_ level: LogLevel) -> LogLine {
        // `<N>` is read by journald and syslog relays as the line's priority (sd-daemon(3)).
        let format = manner.format.load(ordering: .relaxed)
        let priority: [UInt8] =
            format == .terminal
            ? [] : [UInt8(ascii: "<"), UInt8(ascii: "0") + UInt8(level.rawValue), UInt8(ascii: ">")]
        var line = LogLine(priority)
        if format != .journal { line.add("time", LogTime.now()) }
        line.add("level", level.name)
        return line
    }
}

extension Log {
    /// What a reload may change.
    private final class Manner: Sendable {
        /// The least important level that is written.
        let level: Atomic<LogLevel>
        let format: Atomic<Format>

        init(_ level: LogLevel, _ format: Format) {
            self.level = Atomic(level)
            self.format = Atomic(format)
        }
    }

    private enum Format: UInt8, AtomicRepresentable {
        /// The journal adds the time itself.
        case journal
        /// A file, a pipe or a container's log.
        case stream
        /// A person.
        case terminal
    }

    /// Where lines go, shared by all loops.
    private final class Destination: Sendable {
        private struct State {
            /// Lines lost since the last one that got through.
            var dropped = 0
            var droppedInAll = 0
            /// True when the last line was cut, so that the next must begin with a line end.
            var isMidLine = false
        }

        private enum Kind { case socket, file, other }

        private let descriptor: Int32
        private let kind: Kind
        /// The journal's own door; nil where there is none.
        let journal = JournalSocket()
        private let state = Mutex(State())

        init(_ descriptor: Int32) {
            self.descriptor = descriptor
            var status = stat()
            let type = unsafe fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
            kind = type == S_IFSOCK ? .socket : type == S_IFREG ? .file : .other
        }

        var droppedInAll: Int { state.withLock { $0.droppedInAll } }

        /// Writes a line or drops it; the result is the number of lines dropped before one that got through.
        func write(_ line: [UInt8]) -> Int {
            state.withLock { state in
                let bytes = state.isMidLine ? [UInt8(ascii: "\n")] + line : line
                let written = writeAtOnce(bytes)
                guard written > 0 else {
                    state.dropped += 1
                    state.droppedInAll += 1
                    return 0
                }
                state.isMidLine = written < bytes.count
                defer { state.dropped = 0 }
                return state.dropped
            }
        }

        /// Makes one system call that never waits.
        ///
        /// The descriptor itself is left blocking, because its description
        /// is shared with whoever started the process.
        private func writeAtOnce(_ bytes: [UInt8]) -> Int {
            unsafe bytes.withUnsafeBytes { buffer in
                switch kind {
                case .socket:
                    let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
                    return unsafe send(descriptor, buffer.baseAddress, buffer.count, flags)
                case .file:
                    return unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
                case .other:
                    // A pipe that polls writable has room for PIPE_BUF bytes (pipe(7)).
                    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    guard unsafe poll(&entry, 1, 0) == 1, entry.revents == Int16(POLLOUT) else { return -1 }
                    return unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
                }
            }
        }

        /// The form of lines that the settings ask for here.
        func format(_ settings: LogSettings) -> Format {
            let isJournal =
                switch settings.target {
                case .journal: true
                case .stderr: false
                case .auto: Log.isJournal(descriptor, stream: settings.journalStream)
                }
            return isJournal ? .journal : isatty(descriptor) == 1 ? .terminal : .stream
        }

    }

    /// True when systemd's `DEVICE:INODE` is this very descriptor (systemd.exec(5), JOURNAL_STREAM).
    static func isJournal(_ descriptor: Int32, stream: String?) -> Bool {
        var status = stat()
        guard let stream, unsafe fstat(descriptor, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }
}
