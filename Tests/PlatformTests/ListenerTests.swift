import Glibc
import Platform
import TestSupport
import Testing

/// A client's end, blocking.
private final class Client {
    let socket: End

    init(port: UInt16) throws {
        let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        socket = End(number)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
    }

    init(path: String) throws {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        socket = End(number)
        var address = unixAddress(path)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }
}

private func unixAddress(_ path: String) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
    return address
}

extension Listener {
    /// The port that the kernel chose.
    fileprivate var port: UInt16 {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let number = number
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            _ = unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(number, $0, &length)
            }
            return unsafe UnsafeRawPointer(pointer).loadUnaligned(fromByteOffset: 2, as: UInt16.self).bigEndian
        }
    }

    /// The peer of the next connection, once there is one.
    fileprivate func acceptOne() throws -> String {
        var state = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        let ready = unsafe poll(&state, 1, 20_000)
        try #require(ready == 1)
        switch accept() {
        case .connection(let socket, let peer):
            let number = socket.number
            #expect(fcntl(number, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
            return peer.text
        case .none: return "none"
        case .exhausted: return "exhausted"
        }
    }

    fileprivate var isIdle: Bool { if case .none = accept() { true } else { false } }
}

private let hasIPv6: Bool = {
    do {
        _ = try Listener.open(.tcp(host: "::1", port: 0), isFirst: true)
        return true
    } catch { return false }
}()

@Suite("Listener", .timeLimit(.minutes(1)))
struct ListenerTests {
    @Test("a TCP port of the kernel's choice accepts and names its peers")
    func tcp() throws {
        let listener = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true).first)
        #expect(listener.port > 0)
        #expect(listener.isIdle)
        for _ in 0..<3 {
            let client = try Client(port: listener.port)
            #expect(client.socket.number >= 0)
            #expect(try listener.acceptOne() == "127.0.0.1")
        }
        #expect(listener.isIdle)
    }

    @Test("an acceptor hands connections out one by one, is told when none waits, and ends when it is closed")
    func acceptor() async throws {
        let (taken, rests) = try await Harness.onLoop { loop in
            let listener = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true).first)
            let acceptor = Acceptor(listener, on: loop)
            let clients = try (0..<40).map { _ in try Client(port: listener.port) }
            var (taken, rests) = (0, 0)
            for _ in clients {
                guard let socket = await acceptor.next() else { break }
                taken += socket.number > 0 ? 1 : 0
            }
            let none = await acceptor.next(atRest: {
                rests += 1
                if rests == 3 { acceptor.close() }
                return loop.now + Milliseconds(1)
            })
            if none != nil { taken += 1 }
            let late = try Client(port: listener.port)
            if await acceptor.next() != nil { taken += 1 }
            #expect(late.socket.number > 0)
            return (taken, rests)
        }
        #expect(taken == 40 && rests == 3)
    }

    @Test("listeners of several loops share one port")
    func shared() throws {
        let first = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true).first)
        let second = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: first.port), isFirst: false).first)
        #expect(first.port == second.port)
        var accepted = 0
        for _ in 0..<16 {
            let client = try Client(port: first.port)
            #expect(client.socket.number >= 0)
            var states = [first, second].map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
            #expect(unsafe poll(&states, 2, 20_000) > 0)
            for listener in [first, second] { if case .connection = listener.accept() { accepted += 1 } }
        }
        #expect(accepted == 16)
    }

    @Test("IPv4 and IPv6 listen on the same port side by side", .enabled(if: hasIPv6, "no IPv6 loopback"))
    func bothFamilies() throws {
        let six = try #require(try Listener.open(.tcp(host: "::", port: 0), isFirst: true).first)
        let four = try Listener.open(.tcp(host: "0.0.0.0", port: six.port), isFirst: true)
        #expect(four.count == 1)
        #expect(four.first?.port == six.port)
        let any = try Listener.open(.tcp(host: "*", port: 0), isFirst: true)
        #expect(any.count == 2)
    }

    @Test("a listener says where it listens, whoever opened it")
    func address() throws {
        let scratch = try Scratch()
        for address in [ListenAddress.tcp(host: "127.0.0.1", port: 0), .tcp(host: "::1", port: 0)] {
            let opened = try #require(try Listener.open(address, isFirst: true).first)
            let shared = try Listener.sharing(opened.number, isTCP: true)
            guard case .tcp(let host, _) = address else { continue }
            #expect(opened.address == .tcp(host: host, port: opened.port))
            #expect(shared.address == opened.address)
        }
        let path = ListenAddress.unix(path: scratch.path + "/socket")
        #expect(try Listener.open(path, isFirst: true).first?.address == path)
    }

    @Test("a port that another service of the same user shares out is an error for the first of ours")
    func sharedByAnother() throws {
        let other = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true).first)
        #expect(throws: SystemError(code: EADDRINUSE, call: "bind 127.0.0.1:\(other.port)")) {
            try Listener.open(.tcp(host: "127.0.0.1", port: other.port), isFirst: true)
        }
    }

    @Test("a port that somebody else has is an error")
    func inUse() throws {
        let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let stranger = Listener(adopting: FileDescriptor(adopting: number), isTCP: true)
        try #require(listen(number, 1) == 0)
        #expect(throws: SystemError(code: EADDRINUSE, call: "bind 127.0.0.1:\(stranger.port)")) {
            try Listener.open(.tcp(host: "127.0.0.1", port: stranger.port), isFirst: true)
        }
    }

    @Test("a host that is none is an error")
    func noHost() {
        #expect(throws: SystemError(code: EADDRNOTAVAIL, call: "resolve not a host")) {
            try Listener.open(.tcp(host: "not a host", port: 0), isFirst: true)
        }
    }

    @Test("an inherited socket is used without being taken over")
    func inherited() throws {
        let owner = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true).first)
        #expect(Systemd.isListeningSocket(owner.number))
        #expect(Systemd.isTCP(owner.number))
        try { () throws in
            let shared = try Listener.sharing(owner.number, isTCP: true)
            #expect(shared.number != owner.number)
            #expect(shared.port == owner.port)
        }()
        let client = try Client(port: owner.port)
        #expect(client.socket.number >= 0)
        #expect(try owner.acceptOne() == "127.0.0.1")
        #expect(throws: SystemError(code: EBADF, call: "dup")) { try Listener.sharing(-1, isTCP: true) }
    }

    @Test("a socket of an earlier life is taken where its address is asked for, with what waits in it")
    func kept() throws {
        let first = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true).first)
        let port = first.port
        let client = try Client(port: port)
        let kept = KeptSockets([first.number])
        let again = try Listener.open(.tcp(host: "127.0.0.1", port: port), isFirst: true, kept: kept)
        #expect(again.map(\.port) == [port] && client.socket.number >= 0)
        #expect(try again.first?.acceptOne() == "127.0.0.1")
        // Another address is bound anew.
        let other = try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true, kept: kept)
        #expect(other.count == 1 && other.first?.port != port)
    }

    @Test("sockets that are kept are shared out among all loops, and loops that get none bind one", arguments: [1, 2, 3])
    func keptShares(loops: Int) throws {
        let first = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true).first)
        let address = ListenAddress.tcp(host: "127.0.0.1", port: first.port)
        let second = try #require(try Listener.open(address, isFirst: false).first)
        let counts = try (0..<loops).map {
            try Listener.open(address, isFirst: $0 == 0, kept: KeptSockets([first.number, second.number], part: $0, of: loops)).count
        }
        #expect(counts == [[2], [1, 1], [1, 1, 1]][loops - 1])
    }

    // MARK: - Unix sockets

    @Test("a Unix socket is for its owner and group alone, and a stale one is replaced")
    func unix() async throws {
        let scratch = try Scratch()
        let path = scratch.path + "/socket"
        for _ in 0..<2 {
            // The second time, the file of the first is still there and nobody listens on it.
            let listener = try await replacing(path)
            var status = stat()
            #expect(unsafe stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o660)
            #expect(!Systemd.isTCP(listener.number))
            let client = try Client(path: path)
            #expect(client.socket.number >= 0)
            #expect(try listener.acceptOne() == "unix")
        }
    }

    /// A listener at a path that nobody listens on, or will not for long: a child of another test has the descriptor of
    /// one that was closed until it has become another program.
    private func replacing(_ path: String) async throws -> Listener {
        while true {
            do {
                return try #require(try Listener.open(.unix(path: path), isFirst: true).first)
            } catch let error as SystemError where error.code == EADDRINUSE {
                await Task.yield()
            }
        }
    }

    @Test("a Unix socket that somebody listens on is not taken away")
    func unixInUse() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/socket"
        let first = try #require(try Listener.open(.unix(path: path), isFirst: true).first)
        #expect(throws: SystemError(code: EADDRINUSE, call: "bind \(path)")) {
            try Listener.open(.unix(path: path), isFirst: true)
        }
        let client = try Client(path: path)
        #expect(client.socket.number >= 0)
        #expect(try first.acceptOne() == "unix")
    }

    @Test("a file that is no socket is not removed")
    func regularFile() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/file"
        let file = unsafe open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        close(file)
        #expect(throws: SystemError(code: EADDRINUSE, call: "bind \(path)")) {
            try Listener.open(.unix(path: path), isFirst: true)
        }
        var status = stat()
        #expect(unsafe lstat(path, &status) == 0)
    }

    @Test("a path that no socket can have is an error")
    func longPath() {
        let path = "/tmp/" + String(repeating: "x", count: 200)
        #expect(throws: SystemError(code: ENAMETOOLONG, call: "the address \(path)")) {
            try Listener.open(.unix(path: path), isFirst: true)
        }
    }

    @Test("out of descriptors, the waiting client is turned away instead of left hanging, and service goes on")
    func exhausted() async {
        // In a process of its own: the limit is the whole process's.
        await #expect(processExitsWith: .success) {
            let listener = try #require(try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true).first)
            let client = try Client(port: listener.port)
            var state = pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&state, 1, 20_000)
            try #require(ready == 1)
            var hoard: [Int32] = []
            var limit = rlimit(rlim_cur: 256, rlim_max: 256)
            try #require(unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            while true {
                let copy = dup(2)
                guard copy >= 0 else { break }
                hoard.append(copy)
            }
            guard case .exhausted = listener.accept() else {
                Issue.record("accepted without a descriptor")
                return
            }
            #expect(client.socket.drain().last == .end)
            // The kernel wants a free descriptor before it looks whether anybody waits (accept(2)).
            if case .connection = listener.accept() { Issue.record("the turned away client still waits") }
            for copy in hoard { close(copy) }
            let next = try Client(port: listener.port)
            #expect(next.socket.number >= 0)
            #expect(try listener.acceptOne() == "127.0.0.1")
        }
    }
}

@Suite("Peer address")
struct PeerAddressTests {
    private func peer(_ text: String) throws -> PeerAddress {
        var storage = sockaddr_storage()
        let isSix = text.contains(":")
        storage.ss_family = sa_family_t(isSix ? AF_INET6 : AF_INET)
        let parsed = unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            guard let start = bytes.baseAddress else { return Int32(0) }
            return unsafe inet_pton(isSix ? AF_INET6 : AF_INET, text, start + (isSix ? 8 : 4))
        }
        try #require(parsed == 1)
        return PeerAddress(storage)
    }

    @Test(
        "an address is written as people write it",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("255.0.10.9", "255.0.10.9"), ("::1", "::1"), ("::", "::"),
            ("2001:db8:0:0:0:ff00:42:8329", "2001:db8::ff00:42:8329"), ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::fffe:192.0.2.7", "::fffe:c000:207"), ("fe80::", "fe80::"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
            ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
            ("2001:0DB8:1:2:3:4:5:0ABC", "2001:db8:1:2:3:4:5:abc"), ("0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"),
        ])
    func text(address: String, written: String) throws {
        #expect(try peer(address).text == written)
    }

    @Test("an IPv4 address is a network of its own, however it comes")
    func fourNetworks() throws {
        #expect(try peer("192.0.2.7").network == peer("::ffff:192.0.2.7").network)
        #expect(try peer("192.0.2.7") == peer("::ffff:192.0.2.7"))
        #expect(try peer("192.0.2.7").network != peer("192.0.2.8").network)
        #expect(try peer("0.0.0.1").network != peer("::1").network)
    }

    @Test("an IPv6 network is what one subscriber has")
    func sixNetworks() throws {
        #expect(try peer("2001:db8:1:2::1").network == peer("2001:db8:1:2:ffff::2").network)
        #expect(try peer("2001:db8:1:2::1") != peer("2001:db8:1:2:ffff::2"))
        #expect(try peer("2001:db8:1:2::1").network != peer("2001:db8:1:3::1").network)
    }

    @Test("a Unix socket has no address")
    func unix() throws {
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_UNIX)
        #expect(PeerAddress(storage).text == "unix")
        #expect(try PeerAddress(storage).network != peer("0.0.0.0").network)
    }
}

@Suite("Host names")
struct HostNameTests {
    @Test("a name of this machine has its addresses, in digits, sorted and each once")
    func localhost() throws {
        let addresses = try HostName.addresses(of: "localhost", within: 10_000)
        #expect(addresses.contains("127.0.0.1") || addresses.contains("::1"))
        #expect(addresses == Set(addresses).sorted())
    }

    @Test("a name that nobody can have is a fault that says why")
    func unknown() throws {
        // RFC 6761 §6.4: never answered, and a label of 64 letters is not even asked for.
        for name in ["portcullis.invalid", String(repeating: "a", count: 64) + ".invalid"] {
            let fault = try #require(throws: HostNameFault.self) { try HostName.addresses(of: name, within: 5_000) }
            #expect(!fault.problem.isEmpty && !fault.problem.contains("\n"))
        }
    }

    @Test("who has no time is not kept waiting")
    func bounded() throws {
        let begin = Instant.now
        // With no time at all either the answer was quicker, or it is not waited for.
        _ = Result { try HostName.addresses(of: "portcullis.invalid", within: 0) }
        #expect(Instant.now.since(begin) < .seconds(2))
    }
}
