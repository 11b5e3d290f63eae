import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("A process that takes another's place", .timeLimit(.minutes(1)))
struct SuccessorTests {
    /// Starts a shell with one end of a link as descriptor 3 and another file as descriptor 4; returns what it says on the
    /// link, to its end, and its id.
    private func ask(_ script: String) throws -> (said: String, pid: Int32) {
        let pair = try Successor.link()
        let ours = FileDescriptor(adopting: pair.ours)
        let pid = try { () throws in
            let theirs = FileDescriptor(adopting: pair.theirs)
            return try Successor.start(
                "/bin/sh", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin", "WATCHDOG_PID": "1"],
                descriptors: [HandedDescriptor(theirs.number, name: "first"), HandedDescriptor(2, name: "second")])
        }()
        var said: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var entry = pollfd(fd: ours.number, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&entry, 1, 10_000)
            guard case .bytes(let count) = unsafe buffer.withUnsafeMutableBytes({ unsafe ours.read(into: $0) }) else { break }
            said += buffer.prefix(count)
        }
        return (String(decoding: said, as: UTF8.self), pid)
    }

    @Test("it finds its descriptors as those of a service manager, and no others")
    func descriptors() throws {
        // Looked at by the shell itself, one after another: to start a program or list a folder it opens others.
        let script = "echo $LISTEN_FDS $LISTEN_FDNAMES $LISTEN_PID $$ ${WATCHDOG_PID-none} >&3; "
            + "for n in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && said=\"$said$n \"; done; printf '%s' \"$said\" >&3"
        let (said, pid) = try ask(script)
        #expect(said.hasPrefix("2 first:second \(pid) \(pid) none\n0 1 2 3 4 "), "\(said)")
        #expect(said.hasSuffix("\n0 1 2 3 4 "), "\(said)")
    }

    @Test("it is no child of this process")
    func orphan() throws {
        let (said, pid) = try ask("cut -d ' ' -f 4 /proc/$$/stat >&3")
        #expect(said != "\(getpid())\n" && !said.isEmpty)
        #expect(waitpid(pid, nil, WNOHANG) == -1 && errno == ECHILD)
    }

    @Test("a program that is none is an error, and leaves no process")
    func missing() {
        #expect(throws: SystemError(code: ENOENT, call: "start /nowhere")) {
            try Successor.start("/nowhere", arguments: [], environment: [:], descriptors: [])
        }
    }

    @Test("the open file of a lock is told from others")
    func lock() throws {
        let scratch = try Scratch()
        let path = scratch.path(of: "lock")
        let held = try #require(try ProcessLock.take(path))
        #expect(ProcessLock.isLock(held, of: path) && !ProcessLock.isLock(held, of: scratch.path))
        #expect(!ProcessLock.isLock(-1, of: path))
        #expect(try ProcessLock.take(path) == nil)
    }
}
