package import Platform
import Synchronization

/// A streamed response as it was sent so far, for a client that has lost its connection: it reads on from any place of it.
///
/// Bounded: of a long one the beginning is forgotten, whole events at a time. May be used from any thread.
package final class KeptStream: Sendable {
    /// What a read came to.
    package enum Reading: Sendable {
        /// More of it; what comes next begins at `next`. `isOver` says that nothing does.
        case bytes([UInt8], next: Int, isOver: Bool)
        /// What was asked for is forgotten.
        case forgotten
    }

    private struct State {
        var bytes: [UInt8] = []
        /// How many bytes came before them.
        var forgotten = 0
        var isOver = false
        var readers: [RemoteWakeup] = []
    }

    private static let mostBytes = 1 << 20
    private static let mostReaders = 8
    private let state = Mutex(State())

    /// An empty one.
    package init() {}

    func append(_ bytes: [UInt8]) {
        let readers = state.withLock { state -> [RemoteWakeup] in
            state.bytes += bytes
            if state.bytes.count > Self.mostBytes { Self.forget(&state) }
            defer { state.readers = [] }
            return state.readers
        }
        for reader in readers { reader.signal() }
    }

    func end() {
        let readers = state.withLock { state -> [RemoteWakeup] in
            state.isOver = true
            defer { state.readers = [] }
            return state.readers
        }
        for reader in readers { reader.signal() }
    }

    /// True where nothing was streamed, and nothing will be.
    package var isBare: Bool { state.withLock { $0.isOver && $0.bytes.isEmpty && $0.forgotten == 0 } }

    /// True once nothing more comes.
    package var isOver: Bool { state.withLock { $0.isOver } }

    /// Half of what there is goes, up to the end of an event.
    private static func forget(_ state: inout State) {
        var index = state.bytes.count / 2
        while index + 1 < state.bytes.count, state.bytes[index] != 0x0A || state.bytes[index + 1] != 0x0A { index += 1 }
        let count = min(index + 2, state.bytes.count)
        state.bytes.removeFirst(count)
        state.forgotten += count
    }

    /// Where the event behind the one numbered `number` begins; nil where that is forgotten.
    package func place(behind number: Int) -> Int? {
        state.withLock { state in
            if number == 0 { return state.forgotten == 0 ? 0 : nil }
            let mark = Array("id: \(number)\n".utf8)
            var start = 0
            while start < state.bytes.count {
                let end = Self.endOfEvent(state.bytes, from: start)
                if state.bytes[start...].starts(with: mark) { return state.forgotten + end }
                start = end
            }
            return nil
        }
    }

    private static func endOfEvent(_ bytes: [UInt8], from start: Int) -> Int {
        var index = start
        while index + 1 < bytes.count, bytes[index] != 0x0A || bytes[index + 1] != 0x0A { index += 1 }
        return min(index + 2, bytes.count)
    }

    /// What has come from a place on; without anything, `wakeup` is signalled once there is.
    package func read(from place: Int, waking wakeup: RemoteWakeup) -> Reading {
        state.withLock { state in
            guard place >= state.forgotten else { return .forgotten }
            let bytes = Array(state.bytes[min(place - state.forgotten, state.bytes.count)...])
            if bytes.isEmpty, !state.isOver {
                guard state.readers.count < Self.mostReaders else { return .forgotten }
                state.readers.append(wakeup)
            }
            return .bytes(bytes, next: place + bytes.count, isOver: state.isOver)
        }
    }
}
