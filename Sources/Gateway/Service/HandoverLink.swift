import Glibc
import Platform

/// What two processes of the service say to each other while one takes the other's place. A process that ends is heard
/// as the end of the link.
///
/// Confined to its loop.
final class HandoverLink {
    /// What can be said; each is a line. Behind `refused` stands why.
    enum Word: String {
        /// The successor can serve.
        case ready
        /// The successor cannot, and ends.
        case refused
        /// The successor is the service now.
        case go
        /// The service is told to end: turns of the former process have as long as those of its successor.
        case drain
        /// All turns are broken off.
        case end
    }

    private let socket: FileDescriptor
    private let loop: EventLoop
    private let wakeup = Wakeup()
    private let readiness: Readiness
    private var lines = AdminLine(limit: longest)
    private static let longest = 8192

    /// One end of a link.
    init(_ socket: consuming FileDescriptor, on loop: EventLoop) {
        self.socket = socket
        self.loop = loop
        readiness = Readiness(self.socket.number, on: loop, interest: .socket, waking: wakeup)
    }

    deinit { readiness.cancel() }

    /// Says a word. What does not fit at once is lost, which would take more of them than there are.
    func say(_ word: Word) { Self.say(word, on: socket) }

    /// The same, for a process that has no loop.
    static func say(_ word: Word, _ reasons: [String] = [], on socket: borrowing FileDescriptor) {
        let text = ([word.rawValue] + reasons.map { String($0.prefix(500)) }).joined(separator: "\t")
        _ = socket.write(Array("\(text.prefix(longest / 4))\n".utf8).span)
    }

    /// What the other end says next, and behind it the reasons; nil when it has ended, or said nothing until `limit`.
    func next(before limit: Instant? = nil) async -> (word: Word, reasons: [String])? {
        let alarm = Alarm(on: loop, waking: wakeup)
        alarm.deadline = limit
        defer { alarm.cancel() }
        while true {
            if case .whole(let line) = lines.next() {
                let parts = String(decoding: line, as: UTF8.self).split(separator: "\t").map(String.init)
                guard let word = parts.first.flatMap(Word.init(rawValue:)) else { continue }
                return (word, Array(parts.dropFirst()))
            }
            switch unsafe socket.read(into: loop.scratch) {
            case .bytes(let count): unsafe lines.append(loop.scratch.prefix(count))
            case .wouldBlock:
                readiness.readWouldBlock()
                if alarm.isDue { return nil }
                await wakeup.wait()
            case .end, .failed: return nil
            }
        }
    }
}
