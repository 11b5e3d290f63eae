import Glibc
import Platform
import Synchronization
import Testing

/// One loop for all tests of this module, on a thread that lives as long as the test run.
enum Harness {
    private static let loop: EventLoop? = {
        signal(SIGPIPE, SIG_IGN)
        let loop = try? EventLoop()
        try? loop?.start()
        return loop
    }()

    /// Runs `body` on the loop and waits for it.
    static func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (EventLoop) async throws -> Value
    ) async throws -> Value {
        let loop = try #require(loop)
        // Unstructured because only a task can be given an executor.
        return try await Task(executorPreference: loop) { try await body(loop) }.value
    }
}

/// One end of something, which macros can look at: they copy what they are given.
final class End {
    let number: Int32
    private var descriptor: FileDescriptor?

    init(_ number: Int32) {
        self.number = number
        descriptor = FileDescriptor(adopting: number)
    }

    func close() { descriptor = nil }

    /// Everything that can be read now, and what the last read came to.
    func drain() -> (text: String, last: IOResult) { descriptor?.drain() ?? ("", .failed(EBADF)) }

    func write(_ bytes: some Sequence<UInt8>) -> IOResult { descriptor?.write(Array(bytes).span) ?? .failed(EBADF) }

    func write(_ text: String) -> IOResult { write(text.utf8) }

    /// Writes until nothing more fits; returns how much did.
    func fill() -> Int {
        let piece = [UInt8](repeating: 0x78, count: 65_536)
        var total = 0
        while case .bytes(let count) = write(piece) { total += count }
        return total
    }

    func shutdownWriting() { descriptor?.shutdownWriting() }
}

/// Two connected sockets that do not block.
struct SocketPair {
    let near: End
    let far: End

    init() throws {
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let result = unsafe socketpair(AF_UNIX, kind, 0, &ends)
        try #require(result == 0)
        (near, far) = (End(ends[0]), End(ends[1]))
    }
}

/// A pipe whose ends do not block.
struct PipePair {
    let reader: End
    let writer: End

    init() throws {
        var ends: [Int32] = [0, 0]
        let result = unsafe pipe(&ends)
        try #require(result == 0)
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (reader, writer) = (End(ends[0]), End(ends[1]))
    }
}

extension FileDescriptor {
    /// Everything that can be read now, and what the last read came to.
    borrowing func drain() -> (text: String, last: IOResult) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let result = unsafe buffer.withUnsafeMutableBytes { unsafe read(into: $0) }
            guard case .bytes(let count) = result else {
                return (String(decoding: bytes, as: UTF8.self), result)
            }
            bytes += buffer[..<count]
        }
    }
}

/// What many threads write down.
final class Notes<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    func add(_ value: Value) { values.withLock { $0.append(value) } }
    var all: [Value] { values.withLock { $0 } }
}

/// Carries what is confined to a loop into a closure or task of the same loop.
struct LoopBound<Value>: @unchecked Sendable {  // both ends are on one loop
    let value: Value
    init(_ value: Value) { self.value = value }
}
