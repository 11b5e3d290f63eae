import Glibc
import Platform
import Synchronization
import Testing

@testable import Relay

/// A relay on a loop of its own, and a vendor behind it that the test plays itself.
final class Bench: Sendable {
    let relay: RelayServer
    let vendor: Vendor
    private static let loop: EventLoop? = {
        signal(SIGPIPE, SIG_IGN)
        let loop = try? EventLoop()
        try? loop?.start()
        return loop
    }()

    init(_ limits: RelayLimits = RelayLimits()) throws {
        relay = try RelayServer(on: try #require(Self.loop), limits: limits)
        vendor = try Vendor()
        relay.start()
    }

    deinit {
        let relay = relay
        // Unstructured: the relay ends with its test, which nobody waits for.
        Task { await relay.close() }
    }

    /// A token for requests to the vendor.
    func token(key: String? = "the-key", bearer: String? = nil, prefix: String = "", port: UInt16? = nil) -> RelayToken {
        let credentials = [(RelayRoute.Field.apiKey, key), (.bearer, bearer)].compactMap { field, value in
            value.map { (field: field, value: $0) }
        }
        return relay.book.issue(
            for: RelayRoute(
                host: "127.0.0.1", port: port ?? vendor.port, tls: nil, prefix: prefix, credentials: credentials))
    }

    /// A child's connection.
    func child() throws -> Peer { try Peer(connectingTo: relay.port) }
}

/// A listening socket whose connections the test accepts itself.
final class Vendor: Sendable {
    private let socket: FileDescriptor
    let port: UInt16

    init() throws {
        let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        socket = FileDescriptor(adopting: number)
        var address = Peer.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(number, $0, length) == 0 && listen(number, 16) == 0 && getsockname(number, $0, &length) == 0
            }
        }
        try #require(isListening)
        port = UInt16(bigEndian: address.sin_port)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The next connection of the relay.
    func accept() throws -> Peer {
        let number = Glibc.accept(socket.number, nil, nil)
        try #require(number >= 0)
        return Peer(number)
    }
}

/// A blocking connection; nothing it waits for takes longer than twenty seconds.
final class Peer {
    private var socket: FileDescriptor?
    private let number: Int32
    private var received: [UInt8] = []

    init(_ number: Int32) {
        self.number = number
        socket = FileDescriptor(adopting: number)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    convenience init(connectingTo port: UInt16) throws {
        self.init(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        var address = Self.address(port: port)
        let number = number
        let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isConnected)
    }

    static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes[sent...].withUnsafeBytes {
                unsafe Glibc.send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Ends it.
    func close() { socket = nil }

    /// Ends it with a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        socket = nil
    }

    /// Everything up to and with `mark`; what there was where the connection ended before.
    func take(until mark: String) -> String {
        let wanted = Array(mark.utf8)
        while true {
            if let range = received.firstRange(of: wanted) {
                let taken = received[..<range.upperBound]
                received.removeFirst(range.upperBound)
                return String(decoding: taken, as: UTF8.self)
            }
            guard more() else { return String(decoding: received, as: UTF8.self) + "<end>" }
        }
    }

    /// So many bytes, or fewer where the connection ends before.
    func take(_ count: Int) -> [UInt8] {
        while received.count < count, more() {}
        let taken = Array(received.prefix(count))
        received.removeFirst(taken.count)
        return taken
    }

    /// What comes to the end of the connection.
    func rest() -> String {
        while more() {}
        return String(decoding: received, as: UTF8.self)
    }

    private func more() -> Bool {
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(number, &piece, piece.count, 0)
        guard count > 0 else { return false }
        received += piece[..<count]
        return true
    }
}

/// Writes on a thread of its own, so that the test can read the other side meanwhile.
final class Sender {
    private var thread = pthread_t()

    private final class Work {
        let peer: Peer
        let bytes: [UInt8]
        init(_ peer: Peer, _ bytes: [UInt8]) { (self.peer, self.bytes) = (peer, bytes) }
    }

    init(_ peer: Peer, _ bytes: [UInt8]) {
        let work = unsafe Unmanaged.passRetained(Work(peer, bytes)).toOpaque()
        unsafe pthread_create(&thread, nil, { argument in
            guard let argument = unsafe argument else { return nil }
            let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
            work.peer.send(work.bytes)
            return nil
        }, work)
    }

    func wait() { pthread_join(thread, nil) }
}

/// What a relay has told.
final class Heard: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}
