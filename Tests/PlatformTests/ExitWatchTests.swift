import Glibc
import Platform
import Testing

@Suite("The ends of processes that no loop watches", .timeLimit(.minutes(1)))
struct ExitWatchTests {
    private func child(_ script: String) throws -> ChildProcess {
        try ChildProcess.spawn(SpawnPlan(path: "/bin/sh", arguments: ["sh", "-c", script], workingDirectory: "/"))
    }

    private func isReadable(_ number: Int32, within milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&wanted, 1, milliseconds) == 1
    }

    @Test("it is told of each end once, and of one that had come before")
    func ends() throws {
        let watch = try ExitWatch()
        var first = try child("exit 0")
        #expect(isReadable(first.exit.number, within: 10_000))
        watch.add(first.exit.number)
        #expect(isReadable(watch.number, within: 10_000))
        watch.clear()
        #expect(!isReadable(watch.number, within: 0))
        var second = try child("read x")
        watch.add(second.exit.number)
        #expect(!isReadable(watch.number, within: 0))
        second.closeInput()
        #expect(isReadable(watch.number, within: 10_000))
        #expect(first.reapIfExited() == ExitStatus(code: 0) && second.reapIfExited() == ExitStatus(code: 1))
        watch.clear()
        #expect(!isReadable(watch.number, within: 0))
    }

    @Test("one that is added twice is watched once, one that was closed not at all, and its number may be an heir's")
    func numbers() throws {
        let watch = try ExitWatch()
        do {
            let child = try child("read x")
            watch.add(child.exit.number)
            watch.add(child.exit.number)
            // Dropped here, which kills it and closes its descriptor.
        }
        watch.clear()
        var heir = try child("read x")
        #expect(!isReadable(watch.number, within: 0))
        // Mostly under the number that has become free.
        watch.add(heir.exit.number)
        heir.closeInput()
        #expect(isReadable(watch.number, within: 10_000) && isReadable(heir.exit.number, within: 10_000))
        #expect(heir.reapIfExited() != nil)
    }

    @Test("one that was taken away is not told of")
    func removed() throws {
        let watch = try ExitWatch()
        var child = try child("read x")
        watch.add(child.exit.number)
        watch.remove(child.exit.number)
        watch.remove(child.exit.number)
        child.closeInput()
        #expect(isReadable(child.exit.number, within: 10_000))
        #expect(!isReadable(watch.number, within: 0) && child.reapIfExited() != nil)
    }

    @Test("more ends at once than are read at once are all taken note of")
    func many() throws {
        let watch = try ExitWatch()
        // One child, whose descriptor is opened many times over.
        var child = try child("read x")
        let others = (0..<200).map { _ in FileDescriptorCopy(dup(child.exit.number)) }
        for other in others { watch.add(other.number) }
        child.closeInput()
        #expect(isReadable(child.exit.number, within: 10_000))
        #expect(isReadable(watch.number, within: 10_000))
        watch.clear()
        #expect(!isReadable(watch.number, within: 0) && child.reapIfExited() != nil)
    }
}

/// A descriptor that is closed in the end.
private final class FileDescriptorCopy {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { close(number) }
}
