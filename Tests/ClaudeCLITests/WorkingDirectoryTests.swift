import Glibc
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("Where all turns start")
struct WorkingDirectoryTests {
    private func touch(_ path: String) {
        close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status.st_mode : 0
    }

    private func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    @Test("every turn starts at the same place, and has its home and its temporary files for itself")
    func shared() throws {
        let state = Harness.directory()
        let directories = try TurnDirectories(state: state)
        let (first, second) = (try directories.take(), try directories.take())
        #expect(first.working == state + "/work" && second.working == first.working)
        #expect(mode(first.working) == S_IFDIR | 0o555)
        #expect(first.path != second.path && first.temporary != second.temporary)
        #expect(!exists(first.path + "/work"))
        directories.release(first)
        directories.release(second)
        #expect(exists(state + "/work"), "turns that go on stand in it")
    }

    @Test("what somebody left there is gone before the next turn, and links are not followed")
    func emptied() throws {
        let state = Harness.directory()
        let precious = state + "/precious"
        unsafe mkdir(precious, 0o700)
        touch(precious + "/file")
        let directories = try TurnDirectories(state: state)
        let working = try directories.take().working
        var before = stat()
        unsafe stat(working, &before)
        unsafe chmod(working, 0o700)
        touch(working + "/CLAUDE.md")
        unsafe mkdir(working + "/deep", 0o700)
        touch(working + "/deep/file")
        unsafe chmod(working + "/deep", 0o500)
        unsafe symlink(precious, working + "/link")
        _ = try directories.take()
        #expect(PrivateTree.names(in: working).isEmpty && mode(working) == S_IFDIR | 0o555)
        #expect(exists(precious + "/file"))
        var after = stat()
        unsafe stat(working, &after)
        #expect(after.st_ino == before.st_ino, "turns that go on stand in it")
    }

    @Test("what is no directory there makes room for one")
    func replaced() throws {
        let state = Harness.directory()
        let precious = state + "/precious"
        unsafe mkdir(precious, 0o700)
        touch(precious + "/file")
        for spoil in [
            { touch($0) }, { _ = unsafe symlink(precious, $0) }, { _ = unsafe mkfifo($0, 0o600) }, { _ in },
            { _ = unsafe mkdir($0, 0o000) },
        ] as [(String) -> Void] {
            unsafe unlink(state + "/work")
            unsafe rmdir(state + "/work")
            spoil(state + "/work")
            let directories = try TurnDirectories(state: state)
            _ = try directories.take()
            #expect(mode(state + "/work") == S_IFDIR | 0o555)
            #expect(exists(precious + "/file"))
        }
    }

    @Test("where it cannot be made there are no turns")
    func failsClosed() throws {
        let state = Harness.directory()
        let directories = try TurnDirectories(state: state)
        let first = try directories.take()
        unsafe chmod(first.working, 0o700)
        // Deeper than is cleared away.
        var path = first.working
        for _ in 0..<80 {
            path += "/d"
            unsafe mkdir(path, 0o700)
        }
        let fault = try #require(throws: Fault.self) { try directories.take() }
        #expect(fault.kind == .unavailable && fault.detail.contains("/work"))
        unsafe chmod(first.working, 0o700)
        // Another tree, since the depth is counted from where one begins.
        unsafe rename(first.working + "/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d", state + "/rest")
        _ = try directories.take()
        #expect(PrivateTree.empty(state + "/rest", keeping: []))
    }

    @Test("in a self-test each turn has a place of its own, which is emptied")
    func own() throws {
        let directories = try TurnDirectories(state: Harness.directory(), sharesWorking: false)
        let first = try directories.take()
        #expect(first.working == first.path + "/work" && mode(first.working) == S_IFDIR | 0o700)
        touch(first.working + "/canary")
        directories.release(first)
        #expect(try directories.take() == first && PrivateTree.names(in: first.working).isEmpty)
    }
}
