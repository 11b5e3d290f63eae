import Platform
import Synchronization

/// The newest lines of the log that tell of errors and warnings, for administrators who cannot read the log itself.
///
/// It holds what the log holds, and so neither a key nor a word of a prompt. Bounded in lines and bytes; shared by all loops.
final class RecentLines: Sendable {
    /// A line and when it was written.
    struct Entry: Sendable, Equatable {
        let second: Int
        let level: LogLevel
        /// The line without its end and without what a journal adds to it.
        let text: String
    }

    static let mostLines = 200

    private struct Ring {
        var lines: [Entry] = []
        /// Where the next one goes, once all places are taken.
        var next = 0
    }

    private let isOn = Atomic(false)
    private let ring = Mutex(Ring())

    /// Begins to keep lines, or forgets them all.
    func keep(_ keeps: Bool) {
        isOn.store(keeps, ordering: .relaxed)
        if !keeps { ring.withLock { $0 = Ring() } }
    }

    /// The lines, the newest first.
    var newest: [Entry] {
        ring.withLock { ring in Array((ring.lines[ring.next...] + ring.lines[..<ring.next]).reversed()) }
    }

    /// Takes a line as it was written: its priority in front and its end are left out.
    func take(_ level: LogLevel, _ line: [UInt8]) {
        guard level.rawValue <= LogLevel.warning.rawValue, isOn.load(ordering: .relaxed) else { return }
        var bytes = line[...]
        if bytes.first == UInt8(ascii: "<") { bytes = bytes.drop { $0 != UInt8(ascii: ">") }.dropFirst() }
        if bytes.last == UInt8(ascii: "\n") { bytes = bytes.dropLast() }
        let entry = Entry(second: WallClock.unixSeconds, level: level, text: String(decoding: bytes, as: UTF8.self))
        ring.withLock { ring in
            if ring.lines.count < Self.mostLines { return ring.lines.append(entry) }
            ring.lines[ring.next] = entry
            ring.next = (ring.next + 1) % Self.mostLines
        }
    }
}
