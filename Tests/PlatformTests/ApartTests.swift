import Glibc
import Platform
import TestSupport
import Testing

@Suite("Children apart", .timeLimit(.minutes(1)), .enabled(if: ApartKernel.current.isApart))
struct ApartTests {
    /// Runs a script to the end of its output, which comes when nobody is left who could write to it.
    private func run(
        _ script: String, tasks: Int? = nil, walls: Walls? = nil, directory: String = "/"
    ) async throws -> (code: Int, output: String) {
        try await Harness.onLoop { loop in
            var plan = SpawnPlan(path: "/bin/sh", arguments: ["sh", "-c", script], workingDirectory: directory)
            plan.environment = ["PATH=/usr/bin:/bin"]
            plan.isApart = true
            plan.mostTasks = tasks
            plan.walls = walls
            var child = try ChildProcess.spawn(plan)
            child.closeInput()
            let wakeup = Wakeup()
            let watched = [child.exit.number, child.output.number].map {
                Readiness($0, on: loop, interest: .reading, waking: wakeup)
            }
            defer { for readiness in watched { readiness.cancel() } }
            var output = ""
            while true {
                for readiness in watched { readiness.readWouldBlock() }
                let (text, last) = child.output.drain()
                output += text
                if last == .end, let status = child.reapIfExited() { return (status.code, output) }
                await wakeup.wait()
            }
        }
    }

    @Test("a child apart is the first process of its own, and sees no other")
    func numbers() async throws {
        let seen = try await run("echo $$; cd /proc; echo [0-9]*")
        #expect(seen.output.hasPrefix("1\n"))
        #expect(seen.output == (ApartKernel.current.hasOwnProc ? "1\n1\n" : seen.output))
    }

    @Test("what a child apart has started ends with it, in whatever session it is")
    func end() async throws {
        // The output has no end as long as one of them lives.
        let script = "setsid sh -c 'trap \"\" HUP TERM; sleep 600; sleep 600' & (setsid sleep 600 &); nohup sleep 600 & exit 3"
        #expect(try await run(script).code == 3)
    }

    @Test("how many processes they come to has a bound, without which they would be more", .enabled(if: ApartKernel.current.boundsTasks))
    func tasks() async throws {
        let script = "for i in $(seq 900); do (sleep 600 & echo $i) || exit 5; done 2>/dev/null"
        let most = 40
        let bounded = try await run(script, tasks: most).output.split(separator: "\n").count
        // Of root's processes the first 300 are not counted.
        #expect(bounded < most + (geteuid() == 0 ? 301 : 1))
        #expect(bounded > 10)
        #expect(try await run(script).output.split(separator: "\n").count == 900)
    }

    @Test("files that are made apart belong to our user, and walls stand there as elsewhere")
    func files() async throws {
        let scratch = try Scratch()
        let secret = try scratch.write("secret", "hidden")
        let inner = scratch.path(of: "inner")
        #expect(unsafe mkdir(inner, 0o700) == 0)
        let running = ["/lib", "/lib64", "/usr/lib", "/usr/bin", "/bin"].map { Walls.Grant($0, [.read, .execute]) }
        var walls = Walls(running + [Walls.Grant(inner, [.read, .write], isNeeded: true), Walls.Grant("/proc/meminfo", .read)], ports: [])
        walls.calls = .agent
        let seen = try await run("touch made; head -c 8 /proc/meminfo; cat \(secret) 2>&1; unshare -U true 2>&1", walls: walls, directory: inner)
        #expect(seen.output.hasPrefix("MemTotal"))
        #expect(seen.output.contains("Permission denied") && !seen.output.contains("hidden"))
        var status = stat()
        #expect(unsafe stat(inner + "/made", &status) == 0)
        #expect(status.st_uid == geteuid() && status.st_gid == getegid())
    }
}
