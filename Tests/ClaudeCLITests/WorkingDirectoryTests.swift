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

    @Test("whatever programs leave in a turn's directory, the next turn finds it empty")
    func spoilt() throws {
        let state = Harness.directory()
        let directories = try TurnDirectories(state: state)
        let first = try directories.take()
        // Deeper than descriptors are held open, or paths are long.
        var place = unsafe open(first.temporary, O_RDONLY | O_DIRECTORY)
        for _ in 0..<3000 {
            #expect(unsafe mkdirat(place, "deep", 0o700) == 0)
            let inner = unsafe openat(place, "deep", O_RDONLY | O_DIRECTORY)
            _ = fchmod(place, 0o500)
            close(place)
            place = inner
        }
        close(place)
        for name in [[CChar(bitPattern: 0xFF), 0], [0x0A, 0]] { #expect(unsafe mkdirat(AT_FDCWD, bytes(first.shell, name), 0o700) == 0) }
        touch(first.shell + "/e\u{301}")
        unsafe chmod(first.shell, 0o000)
        directories.release(first)
        #expect(PrivateTree.names(in: first.temporary).isEmpty && PrivateTree.names(in: first.shell).isEmpty)
        let second = try directories.take()
        #expect(second.path == first.path && PrivateTree.names(in: second.path).sorted() == ["config", "shell", "tmp"])
    }

    /// A path whose last name need not be text.
    private func bytes(_ directory: String, _ name: [CChar]) -> [CChar] { Array(directory.utf8CString.dropLast()) + [0x2F] + name }

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
        #expect(first.working == state + "/work")
        // What is in the way of the whole state directory.
        unsafe rename(state, state + ".away")
        touch(state)
        let fault = try #require(throws: Fault.self) { try directories.take() }
        #expect(fault.kind == .unavailable && fault.detail.contains("/work"))
        unsafe unlink(state)
        unsafe rename(state + ".away", state)
        _ = try directories.take()
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
