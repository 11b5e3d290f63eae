import CLinux
import Glibc

/// A listening socket of one loop. Sockets of several loops share a port through SO_REUSEPORT.
public final class Listener {
    /// What an attempt to accept came to.
    public enum Accepted: ~Copyable {
        /// A connection that does not block, and who made it.
        case connection(FileDescriptor, PeerAddress)
        /// None is waiting.
        case none
        /// The process or system is out of descriptors or memory: try again in a moment.
        case exhausted
    }

    /// The listening descriptor, for watching.
    public var number: Int32 { socket.number }

    private let socket: FileDescriptor
    /// Held back so that there is always one to accept with when descriptors run out.
    private var reserve: FileDescriptor?
    private let isStream: Bool

    /// Listens on an address.
    ///
    /// A Unix socket's file is replaced when nobody listens on it any more, and has mode 0660. `isFirst` is true for the
    /// first of the process's own listeners on the port: any other there is somebody else's, and an error. Of sockets
    /// that are `kept` those on the address are taken instead of new ones.
    public static func open(
        _ address: ListenAddress, isFirst: Bool, backlog: Int32 = 4096, kept: KeptSockets = KeptSockets()
    ) throws(SystemError) -> [Listener] {
        switch address {
        case .tcp(let host, let port):
            var listeners: [Listener] = []
            for candidate in try resolve(host, port) {
                do throws(SystemError) {
                    let (found, mine) = kept.part(of: kept.numbers.filter { isBound($0, to: candidate) })
                    for number in mine { listeners.append(try sharing(number, isTCP: true)) }
                    guard mine.isEmpty else { continue }
                    if isFirst, found == 0 { try refuseIfTaken(candidate) }
                    listeners.append(Listener(adopting: try bind(candidate, backlog: backlog), isTCP: true))
                } catch {
                    throw SystemError(code: error.code, call: "\(error.call) \(address)")
                }
            }
            return listeners
        case .unix(let path):
            // One whose file is gone is a socket that nobody can find.
            if let number = kept.numbers.first(where: { pathOfSocket($0) == path }), isSocket(path) {
                return [try sharing(number, isTCP: false)]
            }
            return [Listener(adopting: try bindUnix(path, backlog: backlog), isTCP: false)]
        }
    }

    /// Takes over a descriptor that already listens, as systemd passes one on.
    public init(adopting socket: consuming FileDescriptor, isTCP: Bool) {
        self.socket = socket
        isStream = isTCP
        reserve = Listener.openReserve()
    }

    /// A listener on a socket that was inherited and that other loops use as well.
    public static func sharing(_ inherited: Int32, isTCP: Bool) throws(SystemError) -> Listener {
        let copy = fcntl(inherited, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw .last("dup") }
        guard fcntl(copy, F_SETFL, fcntl(copy, F_GETFL) | O_NONBLOCK) == 0 else {
            close(copy)
            throw .last("fcntl")
        }
        return Listener(adopting: FileDescriptor(adopting: copy), isTCP: isTCP)
    }

    /// True when only this machine can connect to a listening socket.
    public static func isLocal(_ number: Int32) -> Bool {
        guard let storage = localAddress(of: number) else { return false }
        return Int32(storage.ss_family) == AF_UNIX || PeerAddress(storage).isLoopback
    }

    /// Where it listens, as the kernel says: an inherited socket may listen elsewhere than any setting says.
    public var address: ListenAddress? {
        guard let storage = Listener.localAddress(of: number) else { return nil }
        guard let port else { return Listener.path(of: storage).map { .unix(path: $0) } }
        return PeerAddress.host(of: storage).map { .tcp(host: $0, port: port) }
    }

    /// The path where a Unix socket listens.
    private static func pathOfSocket(_ number: Int32) -> String? {
        guard let storage = localAddress(of: number), Int32(storage.ss_family) == AF_UNIX else { return nil }
        return path(of: storage)
    }

    private static func isSocket(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }

    /// The path of a Unix socket's address; nil where it has none.
    private static func path(of storage: sockaddr_storage) -> String? {
        unsafe withUnsafeBytes(of: storage) { bytes in
            let path = unsafe Array(bytes.dropFirst(MemoryLayout<sa_family_t>.size).prefix { $0 != 0 })
            return path.isEmpty ? nil : String(decoding: path, as: UTF8.self)
        }
    }

    /// The TCP port it listens on, which the kernel chose when port 0 was asked for; nil for a Unix socket.
    public var port: UInt16? {
        Listener.localAddress(of: number).flatMap(Listener.port)
    }

    private static func port(of storage: sockaddr_storage) -> UInt16? {
        let family = Int32(storage.ss_family)
        guard family == AF_INET || family == AF_INET6 else { return nil }
        // Both families keep the port in the same place (ip(7), ipv6(7)).
        return unsafe withUnsafeBytes(of: storage) {
            UInt16(bigEndian: unsafe $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
    }

    private static func localAddress(of number: Int32) -> sockaddr_storage? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(number, $0, &length)
            }
        }
        return result == 0 ? storage : nil
    }

    /// Accepts one waiting connection.
    public func accept() -> Accepted {
        var storage = sockaddr_storage()
        while true {
            let number = unsafe linux_accept(socket.number, &storage)
            if number >= 0 {
                let connection = FileDescriptor(adopting: number)
                if isStream { setOption(number, IPPROTO_TCP.number, TCP_NODELAY, 1) }
                return .connection(connection, PeerAddress(storage))
            }
            switch errno {
            case EAGAIN: return .none
            case EMFILE, ENFILE:
                refuseOne()
                return .exhausted
            // accept(2): these are errors of the one connection that was waiting, not of the listener.
            case EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
                EOPNOTSUPP, ENETUNREACH:
                continue
            default: return .exhausted
            }
        }
    }

    /// Accepts with the reserved descriptor and closes at once: without it the waiting connection would keep the
    /// listener readable and its client hanging.
    private func refuseOne() {
        reserve = nil
        var storage = sockaddr_storage()
        let number = unsafe linux_accept(socket.number, &storage)
        if number >= 0 { close(number) }
        reserve = Listener.openReserve()
    }

    private static func openReserve() -> FileDescriptor? {
        let number = unsafe Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
        return number >= 0 ? FileDescriptor(adopting: number) : nil
    }

    // MARK: - Binding

    private struct Candidate {
        var storage: sockaddr_storage
        var length: socklen_t
        var family: Int32
    }

    /// True when a socket listens where the candidate would.
    private static func isBound(_ number: Int32, to candidate: Candidate) -> Bool {
        guard let storage = localAddress(of: number), Int32(storage.ss_family) == candidate.family else { return false }
        return PeerAddress.host(of: storage) == PeerAddress.host(of: candidate.storage) && port(of: storage) == port(of: candidate.storage)
    }

    private static func resolve(_ host: String, _ port: UInt16) throws(SystemError) -> [Candidate] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = linux_stream_type()
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let isAny = host.isEmpty || host == "*"
        let failure = unsafe getaddrinfo(isAny ? nil : host, String(port), &hints, &found)
        guard failure == 0 else { throw SystemError(code: EADDRNOTAVAIL, call: "resolve \(host)") }
        defer { unsafe freeaddrinfo(found) }
        var candidates: [Candidate] = []
        var next = unsafe found
        while let entry = unsafe next {
            var storage = sockaddr_storage()
            unsafe memcpy(&storage, entry.pointee.ai_addr, Int(entry.pointee.ai_addrlen))
            unsafe candidates.append(
                Candidate(
                    storage: storage, length: entry.pointee.ai_addrlen, family: entry.pointee.ai_family))
            unsafe next = entry.pointee.ai_next
        }
        return candidates
    }

    /// Binds without SO_REUSEPORT, which would let two services of one user share a port without noticing.
    private static func refuseIfTaken(_ candidate: Candidate) throws(SystemError) {
        let probe = try makeSocket(candidate.family)
        setOption(probe.number, SOL_SOCKET, SO_REUSEADDR, 1)
        if candidate.family == AF_INET6 { setOption(probe.number, IPPROTO_IPV6.number, IPV6_V6ONLY, 1) }
        var storage = candidate.storage
        try bind(probe, &storage, candidate.length)
    }

    private static func bind(
        _ candidate: Candidate, backlog: Int32
    ) throws(SystemError) -> FileDescriptor {
        let socket = try makeSocket(candidate.family)
        setOption(socket.number, SOL_SOCKET, SO_REUSEADDR, 1)
        setOption(socket.number, SOL_SOCKET, SO_REUSEPORT, 1)
        // Without it, listening on [::] would take the IPv4 port as well and a second listener would fail.
        if candidate.family == AF_INET6 { setOption(socket.number, IPPROTO_IPV6.number, IPV6_V6ONLY, 1) }
        var storage = candidate.storage
        try bind(socket, &storage, candidate.length)
        guard listen(socket.number, backlog) == 0 else { throw .last("listen") }
        return socket
    }

    private static func bindUnix(_ path: String, backlog: Int32) throws(SystemError) -> FileDescriptor {
        var storage = try unixAddress(path)
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        try removeStaleSocket(path, &storage, length)
        let socket = try makeSocket(AF_UNIX)
        do throws(SystemError) { try bind(socket, &storage, length) } catch {
            throw SystemError(code: error.code, call: "\(error.call) \(path)")
        }
        guard unsafe chmod(path, 0o660) == 0 else { throw .last("chmod \(path)") }
        guard listen(socket.number, backlog) == 0 else { throw .last("listen") }
        return socket
    }

    /// The address of a Unix socket's file.
    static func unixAddress(_ path: String) throws(SystemError) -> sockaddr_storage {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError(code: ENAMETOOLONG, call: "the address \(path)")
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        var storage = sockaddr_storage()
        unsafe memcpy(&storage, &address, MemoryLayout<sockaddr_un>.size)
        return storage
    }

    private static func removeStaleSocket(
        _ path: String, _ storage: inout sockaddr_storage, _ length: socklen_t
    ) throws(SystemError) {
        let probe = try makeSocket(AF_UNIX)
        let result = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(probe.number, $0, length)
            }
        }
        guard result != 0, errno == ECONNREFUSED else { return }
        // A file of any other kind refuses as well (connect(2)), and is not ours to remove.
        var status = stat()
        if unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unsafe unlink(path) }
    }

    private static func makeSocket(_ family: Int32) throws(SystemError) -> FileDescriptor {
        let number = linux_stream_socket(family, 0)
        guard number >= 0 else { throw .last("socket") }
        return FileDescriptor(adopting: number)
    }

    private static func bind(
        _ socket: borrowing FileDescriptor, _ storage: inout sockaddr_storage, _ length: socklen_t
    ) throws(SystemError) {
        let number = socket.number
        let result = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(number, $0, length)
            }
        }
        guard result == 0 else { throw .last("bind") }
    }
}

/// Listening sockets of an earlier life, and which of several loops takes them.
public struct KeptSockets: Sendable {
    /// Their descriptors, which stay the caller's.
    public var numbers: [Int32]
    private let part: Int
    private let parts: Int

    /// What the loop `part` of `parts` may take.
    public init(_ numbers: [Int32] = [], part: Int = 0, of parts: Int = 1) {
        self.numbers = numbers
        self.part = part
        self.parts = parts
    }

    /// How many there are, and those that are this loop's: all are taken by some loop, for what waits in one that is closed
    /// is refused.
    fileprivate func part(of found: [Int32]) -> (Int, [Int32]) {
        (found.count, found.indices.filter { $0 % parts == part }.map { found[$0] })
    }
}

/// Sets an integer socket option; one that fails to be set costs speed, never correctness.
func setOption(_ socket: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    _ = unsafe setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}

extension Int {
    /// The value of a C enumeration constant as the socket calls take it.
    var number: Int32 { Int32(self) }
}
