import Glibc
import Platform
import Testing

/// A blocking connection; nothing it waits for takes longer than twenty seconds.
final class TestSocket {
    private var descriptor: FileDescriptor?
    private let number: Int32
    private var received: [UInt8] = []

    init(_ number: Int32) {
        self.number = number
        descriptor = FileDescriptor(adopting: number)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    convenience init(connectingTo port: UInt16) throws {
        self.init(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        let number = number
        let result = unsafe TestListener.withLoopback(port) { unsafe connect(number, $0, $1) }
        try #require(result == 0)
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes { unsafe Glibc.send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            sent += count
        }
    }

    func shutdownWriting() { descriptor?.shutdownWriting() }

    func close() { descriptor = nil }

    private func more() -> Bool {
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(number, $0.baseAddress, $0.count) }
        if count > 0 { received += piece[..<count] }
        return count > 0
    }

    /// What comes up to that text, or the end.
    func receive(until end: String) -> String {
        let mark = Array(end.utf8)
        while received.firstRange(of: mark) == nil, more() {}
        return take(received.firstRange(of: mark)?.upperBound ?? received.count)
    }

    func receive(count: Int) -> String {
        while received.count < count, more() {}
        return take(min(count, received.count))
    }

    /// All that comes.
    func receiveAll() -> String {
        while more() {}
        return take(received.count)
    }

    private func take(_ count: Int) -> String {
        defer { received.removeFirst(count) }
        return String(decoding: received[..<count], as: UTF8.self)
    }
}

/// A listening socket whose connections the test accepts itself.
final class TestListener {
    private let socket: FileDescriptor
    let port: UInt16

    init() throws {
        let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        socket = FileDescriptor(adopting: number)
        let isListening = unsafe Self.withLoopback(0) { unsafe bind(number, $0, $1) } == 0 && listen(number, 16) == 0
        try #require(isListening)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(number, $0, &length) }
        }
        try #require(result == 0)
        port = UInt16(bigEndian: address.sin_port)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    func accept() throws -> TestSocket {
        let number = Glibc.accept(socket.number, nil, nil)
        try #require(number >= 0)
        return TestSocket(number)
    }

    static func withLoopback(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
