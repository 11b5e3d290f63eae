import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("What a run takes", .timeLimit(.minutes(1)))
struct RunWatchTests {
    private func fill(_ path: String, bytes: Int) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        #expect(posix_fallocate(file, 0, off_t(bytes)) == 0)
        close(file)
    }

    @Test("files count as what the disk has set aside, each once, and no link is followed")
    func use() throws {
        let (scratch, elsewhere) = (try Scratch(), try Scratch())
        fill(elsewhere.path(of: "large"), bytes: 8 << 20)
        #expect(unsafe mkdir(scratch.path(of: "inner"), 0o700) == 0)
        fill(scratch.path(of: "inner/one"), bytes: 1 << 20)
        #expect(unsafe link(scratch.path(of: "inner/one"), scratch.path(of: "two")) == 0)
        #expect(unsafe symlink(elsewhere.path(of: "large"), scratch.path(of: "out")) == 0)
        #expect(unsafe symlink(elsewhere.path, scratch.path(of: "outside")) == 0)
        // Has a length, but nothing on the disk.
        let sparse = unsafe open(scratch.path(of: "sparse"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        #expect(ftruncate(sparse, 1 << 30) == 0)
        close(sparse)
        let use = DiskUse(of: scratch.path)
        #expect((1 << 20...2 << 20).contains(use.bytes))
        #expect(use.entries == 6 && !use.isPartial)
        #expect(DiskUse(of: scratch.path, upTo: 0).isPartial)
    }

    @Test("what is not there, or is a link, is not counted")
    func nothing() throws {
        let scratch = try Scratch()
        #expect(unsafe symlink("/", scratch.path(of: "link")) == 0)
        #expect(DiskUse(of: scratch.path(of: "link")).isPartial)
        #expect(DiskUse(of: scratch.path(of: "none")).isPartial)
    }

    /// What a watch tells first.
    private func excess(_ bounds: RunWatch.Bounds, while work: () throws -> Void) async throws -> RunWatch.Excess? {
        let (told, teller) = AsyncStream.makeStream(of: RunWatch.Excess.self)
        let watch = try RunWatch(bounds) { teller.yield($0) }
        defer { watch.stop() }
        try work()
        return await told.first { _ in true }
    }

    @Test("files that come to too much are told while the run lasts, but what there was before may be cleaned up in it")
    func disk() throws {
        let scratch = try Scratch()
        fill(scratch.path(of: "large"), bytes: 4 << 20)
        var notes: FileStamps?
        let watch = DiskWatch(RunWatch.Disk(lasting: scratch.path, passing: nil, bytes: 1 << 20), noting: &notes)
        #expect(watch.look(at: nil) == nil)
        fill(scratch.path(of: "more"), bytes: 1 << 20)
        #expect(watch.look(at: nil) == .disk)
        #expect(unsafe unlink(scratch.path(of: "large")) == 0)
        #expect(watch.look(at: nil) == nil)
    }

    @Test("so are those that go with the run, and trees that are too deep to be counted")
    func passing() async throws {
        let (scratch, passing) = (try Scratch(), try Scratch())
        var bounds = RunWatch.Bounds()
        bounds.disk = RunWatch.Disk(lasting: scratch.path, passing: passing.path, bytes: 1 << 20)
        fill(passing.path(of: "large"), bytes: 4 << 20)
        #expect(try await excess(bounds) {} == .passingDisk)
        #expect(unsafe unlink(passing.path(of: "large")) == 0)
        var deep = passing.path
        for _ in 0..<DiskUse.maxDepth + 2 {
            deep += "/d"
            #expect(unsafe mkdir(deep, 0o700) == 0)
        }
        #expect(DiskUse(of: passing.path).isBeyondCounting)
        #expect(try await excess(bounds) {} == .tree)
    }

    @Test("files that were made, changed, renamed or taken away are told, and those that were read are not")
    func changes() async throws {
        let scratch = try Scratch()
        #expect(unsafe mkdir(scratch.path(of: "inner"), 0o700) == 0 && mkdir(scratch.path(of: ".git"), 0o700) == 0)
        for name in ["kept", "written", "gone", "inner/old", "replaced", ".git/index"] { fill(scratch.path(of: name), bytes: 100) }
        var bounds = RunWatch.Bounds()
        bounds.disk = RunWatch.Disk(lasting: scratch.path, passing: nil, bytes: 1 << 30)
        bounds.tellsChanges = true
        let before = FileStamps(of: scratch.path)
        let watch = try RunWatch(bounds) { _ in }
        defer { watch.stop() }
        try await answer(of: watch) { found in #expect(found.paths.isEmpty && !found.isPartial) }
        // So that the clock of the file system has gone on.
        while FileStamps(of: scratch.path).changed(since: before).isEmpty { append(scratch.path(of: "written")) }
        #expect(unsafe unlink(scratch.path(of: "gone")) == 0)
        #expect(unsafe rename(scratch.path(of: "inner/old"), scratch.path(of: "inner/new")) == 0)
        fill(scratch.path(of: "fresh"), bytes: 100)
        #expect(unsafe rename(scratch.path(of: "fresh"), scratch.path(of: "replaced")) == 0)
        #expect(unsafe symlink("kept", scratch.path(of: "link")) == 0)
        fill(scratch.path(of: ".git/config"), bytes: 100)
        let wanted = ["gone", "inner/new", "inner/old", "link", "replaced", "written"]
        try await answer(of: watch) { found in #expect(found.paths == wanted && !found.isPartial) }
    }

    private func append(_ path: String) {
        let file = unsafe open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        var byte: UInt8 = 0
        #expect(unsafe write(file, &byte, 1) == 1)
        close(file)
    }

    private func answer(of watch: RunWatch, _ look: (RunWatch.FileChanges) -> Void) async throws {
        let (told, teller) = AsyncStream.makeStream(of: RunWatch.FileChanges.self)
        watch.askForChanges { teller.yield($0) }
        look(try #require(await told.first { _ in true }))
    }

    @Test("of more files than are looked at no more is told than is known")
    func many() throws {
        let (few, many) = (try Scratch(), try Scratch())
        let whole = FileStamps(of: few.path)
        for number in 0..<FileStamps.mostFiles + 5 {
            close(unsafe open(many.path(of: "\(number)"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
        }
        let part = FileStamps(of: many.path)
        #expect(part.isPartial && !whole.isPartial)
        #expect(part.changed(since: whole).count == FileStamps.mostFiles && part.changed(since: part).isEmpty)
        #expect(whole.changed(since: part).count == FileStamps.mostFiles && part.changed(since: FileStamps(of: few.path + "/none")).isEmpty)
    }

    @Test("a walk through a hundred files costs next to nothing")
    func cheap() throws {
        let scratch = try Scratch()
        for number in 0..<100 { fill(scratch.path(of: "file-\(number).txt"), bytes: 10) }
        let before = FileStamps(of: scratch.path)
        var clock = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &clock)
        let begin = clock.tv_sec * 1_000_000 + clock.tv_nsec / 1000
        for _ in 0..<20 { #expect(FileStamps(of: scratch.path).changed(since: before).isEmpty) }
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &clock)
        let each = (clock.tv_sec * 1_000_000 + clock.tv_nsec / 1000 - begin) / 20
        // Without optimization it is several times as much.
        #expect(each < 5000, "\(each) µs")
    }

    @Test("memory is that of all that a child apart has started", .enabled(if: ApartKernel.current.isApart))
    func memory() async throws {
        let found = try await Harness.onLoop { _ in
            var plan = SpawnPlan(
                path: "/bin/sh", arguments: ["sh", "-c", "python3 -c 'x = bytearray(64 << 20); input()'; :"], workingDirectory: "/")
            plan.environment = ["PATH=/usr/bin:/bin"]
            plan.isApart = true
            let child = try ChildProcess.spawn(plan)
            var bounds = RunWatch.Bounds()
            (bounds.child, bounds.memoryBytes) = (child.pid, 64 << 20)
            var memory = ApartMemory(of: child.pid)
            #expect(memory.bytes() ?? .max < 64 << 20)
            return try await excess(bounds) {}
        }
        #expect(found == .memory)
        var own = ApartMemory(of: getpid())
        #expect(own.bytes() == nil && NamelessFiles(of: getpid()).bytes() == nil)
    }

    @Test("a file that has lost its name counts as long as somebody has it open", .enabled(if: ApartKernel.current.isApart))
    func nameless() async throws {
        let scratch = try Scratch()
        let found = try await Harness.onLoop { _ in
            let script = "exec 7>large; rm large; head -c 4M /dev/zero >&7; read line"
            var plan = SpawnPlan(path: "/bin/sh", arguments: ["sh", "-c", script], workingDirectory: scratch.path)
            plan.environment = ["PATH=/usr/bin:/bin"]
            plan.isApart = true
            let child = try ChildProcess.spawn(plan)
            var bounds = RunWatch.Bounds()
            bounds.child = child.pid
            bounds.disk = RunWatch.Disk(lasting: scratch.path, passing: nil, bytes: 2 << 20)
            return try await excess(bounds) {}
        }
        #expect(found == .passingDisk)
    }

    @Test("its own /proc tells of a child apart what the machine's does", .enabled(if: ApartKernel.current.hasOwnProc))
    func ways() async throws {
        try await Harness.onLoop { _ in
            var plan = SpawnPlan(
                path: "/bin/sh", arguments: ["sh", "-c", "sleep 600 & exec sleep 600"], workingDirectory: "/")
            plan.environment = ["PATH=/usr/bin:/bin"]
            plan.isApart = true
            let child = try ChildProcess.spawn(plan)
            var (inside, outside) = (ApartMemory(of: child.pid), ApartMemory(of: child.pid, hasOwnProc: false))
            // The two processes settle down.
            let giveUp = Instant.now + .seconds(10)
            var both: (Int?, Int?)
            repeat { both = (inside.bytes(), outside.bytes()) } while (both.0 ?? 0 == 0 || both.0 != both.1) && .now < giveUp
            #expect(both.0 == both.1 && both.0 ?? 0 > 0)
        }
    }
}
