import Glibc
import Platform
import TestSupport
import Testing

@Suite("A lock for as long as a process lives", .timeLimit(.minutes(1)))
struct ProcessLockTests {
    private let scratch: Scratch
    private let path: String

    init() throws {
        scratch = try Scratch()
        path = scratch.path(of: "lock")
    }

    @Test("it is held once, in a private file, and can be asked for without being taken")
    func once() throws {
        #expect(!ProcessLock.isHeld(path), "there is no file")
        #expect(try ProcessLock.hold(path))
        #expect(ProcessLock.isHeld(path) && ProcessLock.isHeld(path))
        #expect(try !ProcessLock.hold(path))
        var status = stat()
        #expect(unsafe stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600 && status.st_size == 0)
    }

    @Test("it goes with its process")
    func ends() async throws {
        let path = "/tmp/portcullis-lock-of-a-child-of-\(getpid())"
        defer { unsafe unlink(path) }
        await #expect(processExitsWith: .success) {
            if try !ProcessLock.hold("/tmp/portcullis-lock-of-a-child-of-\(getppid())") { exit(1) }
        }
        #expect(unsafe access(path, F_OK) == 0 && !ProcessLock.isHeld(path))
    }

    @Test("one that is held for a moment is told from one that is held for long, and shuts out both")
    func brief() throws {
        #expect(try ProcessLock.hold(path, isBrief: true))
        #expect(ProcessLock.isHeld(path) && ProcessLock.isHeldBriefly(path))
        #expect(try !ProcessLock.hold(path) && !ProcessLock.hold(path, isBrief: true))
        let other = scratch.path(of: "other")
        #expect(try ProcessLock.hold(other))
        #expect(!ProcessLock.isHeldBriefly(other))
        #expect(try !ProcessLock.hold(other, isBrief: true))
    }

    @Test("a link in the file's place is not followed")
    func link() throws {
        try scratch.link("lock", to: "/tmp/elsewhere")
        #expect(throws: SystemError(code: ELOOP, call: "open")) { try ProcessLock.hold(path) }
        #expect(!ProcessLock.isHeld(path))
    }
}
