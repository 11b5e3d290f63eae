import Glibc
import Platform
import TestSupport
import Testing

@Suite("Child process", .timeLimit(.minutes(1)))
struct ChildProcessTests {
    /// What a child left behind.
    private struct Outcome: Sendable {
        var code: Int
        var output: String
        var errors: String
    }

    /// Runs a child to its end, giving it `input`; moves all three streams at once.
    private func run(
        _ path: String, _ arguments: [String] = [], environment: [String] = [], directory: String = "/",
        input: [UInt8] = [], maxOpenFiles: Int? = nil
    ) async throws -> Outcome {
        try await Harness.onLoop { loop in
            var plan = SpawnPlan(path: path, arguments: [path] + arguments, workingDirectory: directory)
            plan.environment = environment
            plan.maxOpenFiles = maxOpenFiles
            var child = try ChildProcess.spawn(plan)
            let wakeup = Wakeup()
            let watched = [child.output.number, child.errors.number, child.exit.number].map {
                Readiness($0, on: loop, interest: .reading, waking: wakeup)
            }
            let writing = Readiness(
                child.inputNumber, on: loop, interest: .writing, waking: wakeup)
            defer { for readiness in watched { readiness.cancel() } }
            var (end, sent) = (Outcome(code: -1, output: "", errors: ""), 0)
            var (hasOutputEnded, haveErrorsEnded) = (false, false)
            while true {
                while sent < input.count, case .bytes(let count) = child.write(input[sent...]) { sent += count }
                if sent == input.count, child.inputNumber >= 0 {
                    writing.cancel()
                    child.closeInput()
                }
                let (output, errors) = (child.output.drain(), child.errors.drain())
                end.output += output.text
                end.errors += errors.text
                hasOutputEnded = output.last == .end
                haveErrorsEnded = errors.last == .end
                if hasOutputEnded, haveErrorsEnded, let status = child.reapIfExited() {
                    end.code = status.code
                    return end
                }
                await wakeup.wait()
            }
        }
    }

    private func shell(_ script: String) async throws -> Outcome { try await run("/bin/sh", ["-c", script]) }

    @Test("its environment is what it was given and nothing of ours")
    func environment() async throws {
        unsafe setenv("PORTCULLIS_TEST_HIDDEN", "hidden", 1)
        let some = try await run("/usr/bin/env", environment: ["A=1", "B=two words", "C="])
        #expect(some.output == "A=1\nB=two words\nC=\n")
        let none = try await run("/usr/bin/env")
        #expect(none.output == "")
        #expect(none.code == 0)
    }

    @Test("it starts where it was told to, with the arguments it was given")
    func directoryAndArguments() async throws {
        #expect(try await run("/bin/pwd", directory: "/usr/bin").output == "/usr/bin\n")
        #expect(try await run("/bin/echo", ["a b", "", "'c'", "ü"]).output == "a b  'c' ü\n")
    }

    @Test("it sees its three streams and no descriptor of ours")
    func descriptors() async throws {
        // Without the flag that closes it on exec, as a library might open one.
        let leak = unsafe open("/dev/null", O_RDONLY)
        defer { close(leak) }
        try #require(leak > 2)
        // The fourth is the directory that `ls` itself has opened.
        #expect(try await run("/bin/ls", ["/proc/self/fd"]).output == "0\n1\n2\n3\n")
    }

    @Test(
        "its exit code is told, and a signal as the shell tells it",
        arguments: [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137), ("kill -15 $$", 143)])
    func exitCodes(script: String, code: Int) async throws {
        #expect(try await shell(script).code == code)
    }

    @Test("it has a process group of its own, default signals, no new privileges and no core dumps")
    func hygiene() async throws {
        #expect(try await shell("test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own").output == "own\n")
        let status = try await run("/bin/grep", ["-E", "^(SigBlk|SigIgn|NoNewPrivs)", "/proc/self/status"]).output
        #expect(status.contains("NoNewPrivs:\t1\n"))
        for line in status.split(separator: "\n") where line.hasPrefix("Sig") {
            // 32 and 33 are the C library's own: it lets nobody change them.
            let signals = try #require(UInt64(line.split(separator: "\t").last ?? "", radix: 16)) & ~0x1_8000_0000
            #expect(signals == 0, "\(line)")
        }
        #expect(try await shell("ulimit -c").output == "0\n")
        #expect(try await run("/bin/sh", ["-c", "ulimit -n"], maxOpenFiles: 123).output == "123\n")
    }

    @Test("a megabyte goes through it while it is written")
    func throughput() async throws {
        let input = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 % 64 + 32) }
        let end = try await run("/bin/cat", input: input)
        #expect(end.output == String(decoding: input, as: UTF8.self))
        #expect(end.code == 0)
        #expect(try await shell("echo to-errors >&2").errors == "to-errors\n")
    }

    @Test("dropping it kills its whole group and leaves no zombie")
    func dropped() async throws {
        let scratch = try Scratch()
        let fifo = try Fifo(in: scratch)
        let pid = try await Harness.onLoop { loop in
            try await Self.startFamily(fifo.path, on: loop)
        }
        #expect(kill(pid, 0) == -1 && errno == ESRCH)
        #expect(fifo.isHungUp(within: 20_000))
    }

    /// Starts a child with a child of its own that hold the fifo, and drops it.
    private static func startFamily(_ fifo: String, on loop: EventLoop) async throws -> Int32 {
        let script = "trap '' TERM; exec 9>\(fifo); sleep 1000 & echo ready; wait"
        let child = try ChildProcess.spawn(
            SpawnPlan(path: "/bin/sh", arguments: ["sh", "-c", script], workingDirectory: "/"))
        let wakeup = Wakeup()
        let readiness = Readiness(child.output.number, on: loop, interest: .reading, waking: wakeup)
        defer { readiness.cancel() }
        while child.output.drain().text != "ready\n" { await wakeup.wait() }
        return child.pid
    }

    @Test("what it leaves behind goes with it when it is reaped")
    func orphans() async throws {
        let scratch = try Scratch()
        let fifo = try Fifo(in: scratch)
        let path = fifo.path
        let pid = try await Harness.onLoop { loop in
            let script = "exec 9>\(path); sleep 1000 >/dev/null 2>&1 & exit 3"
            var child = try ChildProcess.spawn(
                SpawnPlan(path: "/bin/sh", arguments: ["sh", "-c", script], workingDirectory: "/"))
            let wakeup = Wakeup()
            let readiness = Readiness(child.exit.number, on: loop, interest: .reading, waking: wakeup)
            defer { readiness.cancel() }
            while child.reapIfExited() == nil { await wakeup.wait() }
            let (again, kept) = (child.reapIfExited(), child.status)
            #expect(again == ExitStatus(code: 3))
            #expect(kept == ExitStatus(code: 3))
            // Its id may be another's by now: nothing is signalled any more.
            child.signalGroup(SIGKILL)
            return child.pid
        }
        #expect(kill(pid, 0) == -1 && errno == ESRCH)
        #expect(fifo.isHungUp(within: 20_000))
    }

    @Test("a signal reaches all of its group")
    func signalled() async throws {
        let code = try await Harness.onLoop { loop in
            var child = try ChildProcess.spawn(
                SpawnPlan(path: "/bin/sleep", arguments: ["sleep", "1000"], workingDirectory: "/"))
            let wakeup = Wakeup()
            let readiness = Readiness(child.exit.number, on: loop, interest: .reading, waking: wakeup)
            defer { readiness.cancel() }
            let early = child.reapIfExited()
            #expect(early == nil)
            child.signalGroup(SIGTERM)
            while child.reapIfExited() == nil { await wakeup.wait() }
            return child.status?.code
        }
        #expect(code == 143)
    }

    @Test(
        "one that cannot be started says why",
        arguments: [
            ("/nonexistent/program", "/", ENOENT), ("/bin/true", "/nonexistent", ENOENT),
            ("/etc/passwd", "/", EACCES), ("/", "/", EACCES),
        ])
    func notStarted(path: String, directory: String, code: Int32) async throws {
        let fault = try await Harness.onLoop { _ -> SystemError? in
            do throws(SystemError) {
                _ = try ChildProcess.spawn(SpawnPlan(path: path, arguments: ["x"], workingDirectory: directory))
                return nil
            } catch { return error }
        }
        #expect(fault == SystemError(code: code, call: "spawn"))
    }
}

extension ChildProcess {
    /// The number of the input's descriptor; -1 once closed.
    fileprivate var inputNumber: Int32 {
        switch input {
        case .some(let input): input.number
        case .none: -1
        }
    }

    /// Writes to the child's input as much as fits now.
    fileprivate func write(_ bytes: ArraySlice<UInt8>) -> IOResult {
        switch input {
        case .some(let input): input.write(bytes.span)
        case .none: .end
        }
    }
}

/// A fifo whose reader sees when the last process that writes to it is gone.
private final class Fifo: Sendable {
    let path: String
    private let reader: Int32

    init(in scratch: Scratch) throws {
        path = scratch.path + "/fifo"
        let made = unsafe mkfifo(path, 0o600)
        try #require(made == 0)
        reader = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        try #require(reader >= 0)
    }

    deinit { close(reader) }

    func isHungUp(within milliseconds: Int32) -> Bool {
        var state = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&state, 1, milliseconds) == 1 && state.revents & Int16(POLLHUP) != 0
    }
}
