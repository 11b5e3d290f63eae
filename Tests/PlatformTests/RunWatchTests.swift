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
    func disk() throws {
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

    @Test("files that come to too much are told while the run lasts")
    func watch() async throws {
        let scratch = try Scratch()
        var bounds = RunWatch.Bounds()
        bounds.disk = (scratch.path, 1 << 20)
        #expect(try await excess(bounds) { fill(scratch.path(of: "large"), bytes: 4 << 20) } == .disk)
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
            bounds.memory = (child.pid, 64 << 20)
            var memory = ApartMemory(of: child.pid)
            #expect(memory.bytes() ?? .max < 64 << 20)
            return try await excess(bounds) {}
        }
        #expect(found == .memory)
        var own = ApartMemory(of: getpid())
        #expect(own.bytes() == nil)
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
