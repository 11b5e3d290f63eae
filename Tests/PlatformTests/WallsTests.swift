import Glibc
import Platform
import TestSupport
import Testing

@Suite("Walls round a child", .timeLimit(.minutes(1)))
struct WallsTests {
    /// What a program of the system needs to run at all.
    private static let running = ["/lib", "/lib64", "/usr/lib", "/usr/bin", "/bin"].map {
        Walls.Grant($0, [.read, .execute])
    }

    private func run(_ arguments: [String], within walls: Walls?) async throws -> (code: Int, output: String, errors: String) {
        try await Harness.onLoop { loop in
            var plan = SpawnPlan(path: arguments[0], arguments: arguments, workingDirectory: "/")
            plan.environment = ["LC_ALL=C"]
            plan.walls = walls
            var child = try ChildProcess.spawn(plan)
            child.closeInput()
            let wakeup = Wakeup()
            let ended = Readiness(child.exit.number, on: loop, interest: .reading, waking: wakeup)
            defer { ended.cancel() }
            while true {
                if let status = child.reapIfExited() {
                    return (status.code, child.output.drain().text, child.errors.drain().text)
                }
                ended.readWouldBlock()
                await wakeup.wait()
            }
        }
    }

    @Test("this machine, on which the walls are tested, can build all of them")
    func kernel() {
        #expect(WallKernel.current.isSound)
        #expect(WallKernel.current.missing.isEmpty)
    }

    @Test("a child reads what it is granted, and nothing beside it")
    func reading() async throws {
        let scratch = try Scratch()
        let open = try scratch.write("open", "granted")
        let closed = try scratch.write("closed", "secret")
        let walls = Walls(Self.running + [Walls.Grant(open, .read)], ports: [])
        let within = try await run(["/bin/cat", open, closed], within: walls)
        #expect(within.output == "granted")
        #expect(within.errors.contains("Permission denied"))
        #expect(try await run(["/bin/cat", open, closed], within: nil).output == "grantedsecret")
    }

    @Test("a child writes only where it may, and a directory granted for reading is not changed")
    func writing() async throws {
        let scratch = try Scratch()
        let open = try scratch.write("file", "")
        let grants = Self.running + [Walls.Grant(scratch.path, .read)]
        #expect(try await run(["/bin/cp", open, scratch.path(of: "copy")], within: Walls(grants, ports: nil)).code != 0)
        let writable = Walls(grants + [Walls.Grant(scratch.path, .write)], ports: nil)
        #expect(try await run(["/bin/cp", open, scratch.path(of: "copy")], within: writable).code == 0)
    }

    @Test("a program that may not be run is not started, and what was needed and is missing starts none")
    func refused() {
        var plan = SpawnPlan(path: "/bin/true", arguments: ["true"], workingDirectory: "/")
        plan.walls = Walls([Walls.Grant("/", .read)], ports: nil)
        #expect(throws: SystemError(code: EACCES, call: "spawn")) { _ = try ChildProcess.spawn(plan).pid }
        plan.walls = Walls(Self.running + [Walls.Grant("/nonexistent", .read, isNeeded: true)], ports: nil)
        #expect(throws: SystemError(code: ENOENT, call: "spawn")) { _ = try ChildProcess.spawn(plan).pid }
    }

    @Test("a child is the first to go where memory is short, has no core, and writes no file beyond its bound")
    func limits() async throws {
        var walls = Walls([Walls.Grant("/", [.read, .execute])], ports: nil)
        walls.largestFile = 1 << 20
        // Its input ends when all of its start is done, the score being set last.
        let limits = try await run(["/bin/cat", "-", "/proc/self/limits", "/proc/self/oom_score_adj"], within: walls).output
        let rows = limits.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.contains { $0.starts(with: ["Max", "file", "size", "1048576", "1048576"]) })
        #expect(rows.contains { $0.starts(with: ["Max", "core", "file", "size", "0", "0"]) })
        #expect(rows.contains { $0.starts(with: ["Max", "locked", "memory", "0", "0"]) })
        #expect(rows.contains { $0 == ["500"] })
    }

    @Test("a child of root keeps no right of root's but those over files, which its walls bound")
    func capabilities() async throws {
        let status = try await run(
            ["/bin/cat", "/proc/self/status"], within: Walls([Walls.Grant("/", [.read, .execute])], ports: nil)
        ).output
        let rights = try #require(status.split(separator: "\n").first { $0.hasPrefix("CapEff:") })
        let mask = try #require(UInt64(rights.dropFirst("CapEff:".count).drop { $0 == "\t" }, radix: 16))
        #expect(mask & ~0xF == 0)
    }
}
