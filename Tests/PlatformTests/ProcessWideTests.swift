import Glibc
import Platform
import TestSupport
import Testing

/// What changes a whole process is tried in one of its own.
@Suite("Signals and the service manager", .timeLimit(.minutes(1)))
struct ProcessWideTests {
    @Test("signals are read one after another and kill nobody")
    func signals() async {
        await #expect(processExitsWith: .success) {
            let signals = try Signals([SIGHUP, SIGTERM])
            #expect(signals.next() == nil)
            raise(SIGTERM)
            #expect(signals.next() == SIGTERM)
            raise(SIGHUP)
            raise(SIGHUP)
            #expect(signals.next() == SIGHUP)
            #expect(signals.next() == nil)
            #expect(signals.number >= 0)
            // A peer that has gone must not end the service.
            raise(SIGPIPE)
        }
    }

    @Test("the service manager hears what happens, in an order that makes sense")
    func notifications() async {
        await #expect(processExitsWith: .success) {
            let manager = try FakeManager()
            unsafe setenv("WATCHDOG_USEC", "20000000", 1)
            unsafe setenv("WATCHDOG_PID", "\(getpid())", 1)
            let systemd = Systemd()
            #expect(systemd.watchdogInterval == Milliseconds(10_000))
            systemd.reloading()
            systemd.ready(status: "serving")
            systemd.reloading()
            systemd.keepAlive()
            systemd.status("busy")
            systemd.stopping(status: "finishing")
            systemd.ready(status: "again")
            systemd.reloading()
            systemd.status("last")
            let heard = manager.messages
            #expect(heard.count == 6)
            #expect(heard.first == "READY=1\nSTATUS=serving")
            #expect(heard.dropFirst().first?.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") == true)
            #expect(heard.dropFirst(2) == ["WATCHDOG=1", "STATUS=busy", "STOPPING=1\nSTATUS=finishing", "STATUS=last"])
        }
    }

    @Test("a start and an end ask for patience, and who has handed over is silent")
    func handedOver() async {
        await #expect(processExitsWith: .success) {
            let manager = try FakeManager()
            let systemd = Systemd()
            systemd.goesOn()
            systemd.ready(status: "serving")
            systemd.goesOn()
            systemd.handOver(to: 4711)
            systemd.status("late")
            systemd.keepAlive()
            systemd.ready(status: "late")
            systemd.reloading()
            systemd.stopping(status: "late")
            systemd.goesOn()
            systemd.forget("late")
            #expect(
                manager.messages == ["EXTEND_TIMEOUT_USEC=20000000", "READY=1\nSTATUS=serving", "MAINPID=4711\nWATCHDOG=1"])
        }
    }

    @Test("without a service manager nothing happens")
    func unmanaged() async {
        await #expect(processExitsWith: .success) {
            for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"] { unsafe unsetenv(name) }
            let systemd = Systemd()
            #expect(systemd.watchdogInterval == nil)
            #expect(systemd.inherited.map(\.number).isEmpty)
            systemd.ready(status: "x")
            systemd.keepAlive()
        }
    }

    @Test("as many descriptors may be opened as the system allows")
    func openFiles() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            try #require(unsafe getrlimit(kind, &limit) == 0)
            limit.rlim_cur = 64
            try #require(unsafe setrlimit(kind, &limit) == 0)
            #expect(CurrentProcess.raiseOpenFiles() == Int(clamping: limit.rlim_max))
        }
    }
}

/// The datagram socket that a service manager listens on.
private final class FakeManager {
    private let scratch: Scratch
    private let socket: FileDescriptor

    init() throws {
        scratch = try Scratch()
        let path = scratch.path + "/socket"
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = Glibc.socket(AF_UNIX, kind, 0)
        socket = FileDescriptor(adopting: number)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
        unsafe setenv("NOTIFY_SOCKET", path, 1)
    }

    /// What has been heard, a datagram each.
    var messages: [String] {
        var messages: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case .bytes(let count) = unsafe buffer.withUnsafeMutableBytes({ unsafe socket.read(into: $0) }) {
            messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
        return messages
    }
}
