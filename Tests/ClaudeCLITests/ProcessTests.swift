import Glibc
import Platform
import Testing
import Vocabulary

@testable import ClaudeCLI

/// The CLI is a shell script that reads the first rows and then misbehaves.
@Suite("A CLI that misbehaves gives one well-formed failure", .serialized)
struct ProcessTests {
    private static let start = """
        read a; read b; read c
        echo '{"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":{}}}}'
        echo '{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"A"}}}'
        """
    private static let finish = """
        echo '{"type":"stream_event","event":{"type":"content_block_stop","index":0}}'
        echo '{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}}'
        echo '{"type":"result","is_error":false,"num_turns":1,"subtype":"success","result":"A"}'
        """

    private func failure(_ script: String, limits: CLILimits = CLILimits()) async throws -> String {
        let supply = try Harness.supply(script: script, limits: limits)
        let lines = try await Harness.turn(supply, Harness.conversation("hello"))
        #expect(lines.filter { $0.hasPrefix("failed") || $0.hasPrefix("finished") }.count == 1)
        return lines.last ?? ""
    }

    @Test("one that works gives its answer")
    func works() async throws {
        let supply = try Harness.supply(script: Self.start + "\n" + Self.finish)
        let lines = try await Harness.turn(supply, Harness.conversation("hello"))
        #expect(lines.contains("text A"))
        #expect(lines.last == "finished end_turn - in=0 write=0 read=0 out=1 think=0 tier=-")
    }

    @Test("it exits before it answers")
    func exits() async throws {
        let line = try await failure("echo 'boom sk-ant-oat01-secret' >&2; exit 3")
        #expect(line == "failed 502 The CLI ended without an answer. | exit status 3: boom [redacted]")
    }

    @Test("it dies in the middle of the answer")
    func dies() async throws {
        let line = try await failure(Self.start + "\nkill -9 $$")
        #expect(line.hasPrefix("failed 502 The CLI ended without an answer. | exit status 137"))
    }

    @Test("it prints garbage")
    func garbage() async throws {
        let line = try await failure(Self.start + "\necho 'TypeError: x is undefined'; sleep 30")
        #expect(line.hasPrefix("failed 502 The CLI printed something that is not JSON."))
    }

    @Test("it prints half a UTF-8 sequence")
    func halfSequence() async throws {
        let line = try await failure("read a; printf '{\"a\":\"\\303\"}\\n'; sleep 30")
        #expect(line.hasPrefix("failed 502 The CLI printed something that is not JSON. | encoding"))
    }

    @Test("its last line is cut off")
    func cutOff() async throws {
        let line = try await failure(Self.start + "\nprintf '{\"type\":\"result\",\"is_err'")
        #expect(line.hasPrefix("failed 502 The CLI printed something that is not JSON."))
    }

    @Test("it prints a line that never ends")
    func endless() async throws {
        var limits = CLILimits()
        limits.maxLineBytes = 1 << 20
        let line = try await failure("read a; exec cat /dev/zero | tr '\\0' x", limits: limits)
        #expect(line.hasPrefix("failed 502 The CLI printed a line that is too long."))
    }

    @Test("it says nothing")
    func silent() async throws {
        var limits = CLILimits()
        limits.stallSeconds = 0
        limits.requestMilliseconds = 60_000
        let line = try await failure("sleep 30", limits: limits)
        #expect(line.hasPrefix("failed 504 The CLI was silent"))
    }

    @Test("that a client's call waits is no sign of life")
    func heartbeats() async throws {
        var limits = CLILimits()
        limits.stallSeconds = 1
        let call = """
            echo '{"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":{}}}}'
            echo '{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f"}}}'
            echo '{"type":"stream_event","event":{"type":"content_block_stop","index":0}}'
            while true; do echo '{"type":"tool_progress","heartbeat":true}'; sleep 0.1; done
            """
        let line = try await failure(call, limits: limits)
        #expect(line.hasPrefix("failed 504 The CLI was silent for 1 seconds."))
    }

    @Test("it takes too long")
    func slow() async throws {
        var limits = CLILimits()
        limits.requestMilliseconds = 100
        let line = try await failure("while true; do echo '{}'; sleep 0.01; done", limits: limits)
        #expect(line.hasPrefix("failed 504 The answer was not complete"))
    }

    @Test("it says that nobody is logged in")
    func notLoggedIn() async throws {
        let line = try await failure("echo 'Not logged in · Please run /login' >&2; exit 1")
        #expect(line.hasPrefix("failed 503 The CLI behind this gateway is not logged in."))
    }

    @Test("what it says in its last moment is heard every time, though its end may be known before")
    func lastWords() async throws {
        for _ in 0..<100 {
            let line = try await failure("echo 'Not logged in · Please run /login' >&2; exit 1")
            #expect(line.hasPrefix("failed 503 The CLI behind this gateway is not logged in."))
        }
    }

    @Test("it reads nothing of a long prompt, and floods its error output")
    func deaf() async throws {
        var limits = CLILimits()
        limits.requestMilliseconds = 300
        let supply = try Harness.supply(
            script: "i=0; while [ $i -lt 2000 ]; do echo 'noise noise noise noise' >&2; i=$((i+1)); done; sleep 30",
            limits: limits)
        let text = String(repeating: "long ", count: 400_000)
        let lines = try await Harness.turn(supply, Harness.conversation(text))
        #expect(lines.count == 1)
        #expect(lines.last?.hasPrefix("failed 504") == true)
    }

    @Test("a descendant that keeps the pipes does not hold the answer up")
    func descendant() async throws {
        let line = try await failure("setsid sleep 5 & exit 4")
        #expect(line.hasPrefix("failed 502 The CLI ended without an answer. | exit status 4"))
    }

    @Test("one that ignores SIGTERM is gone after the grace time, its children too")
    func stubborn() async throws {
        var limits = CLILimits()
        limits.graceMilliseconds = 50
        let pipe = Harness.directory() + "/pipe"
        unsafe mkfifo(pipe, 0o600)
        // Its other end is closed when the last process of the group is gone.
        let end = unsafe open(pipe, O_RDONLY | O_NONBLOCK)
        defer { close(end) }
        let script = "exec 9>\(pipe)\ntrap '' TERM\n\(Self.start)\n\(Self.finish)\nsleep 30 & sleep 30"
        let lines = try await Harness.turn(
            try Harness.supply(script: script, limits: limits), Harness.conversation("x"))
        #expect(lines.last?.hasPrefix("finished end_turn") == true)
        var state = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&state, 1, 5000) == 1)
        #expect(state.revents & Int16(POLLHUP) != 0)
    }

    @Test("a stranger's signal wakes the sleeper")
    func stranger() async throws {
        let supply = try Harness.supply(script: "sleep 30")
        let result = try await Harness.onLoop { loop in
            let wakeup = Wakeup()
            let plan = try TurnPlan(answering: Harness.conversation("x"), model: "x")
            let process = supply.serve(plan, with: try await supply.start(), on: loop, waking: wakeup)
            _ = process.poll { _, _ in }
            wakeup.signal()
            let result = await process.step(until: Instant(nanoseconds: .max)) { _, _ in }
            process.kill()
            await process.end()
            return result
        }
        #expect(result == .quiet)
    }

    @Test("a program that is not there is the operator's to repair")
    func missing() async throws {
        let directory = Harness.directory()
        let supply = CLISupply(
            LaunchProfile(path: directory + "/none", operatorEnvironment: [], loginDirectory: "/nonexistent"),
            limits: CLILimits(), directories: try TurnDirectories(state: directory))
        let kind = try await Harness.onLoop { loop in
            do throws(Fault) {
                _ = try await supply.start()
                return FailureKind.internalError
            } catch { return error.kind }
        }
        #expect(kind == .unavailable)
    }

    @Test("nothing of our environment or of the prompt can be seen from outside")
    func environment() async throws {
        unsafe setenv("PORTCULLIS_TEST_SECRET", "hidden", 1)
        let supply = try Harness.supply(script: "env >&2; cat /proc/$$/cmdline >&2; exit 1")
        let line = try await failure("env | cut -d= -f1 | grep -v CLAUDE_CODE_ | sort | tr '\\n' ' ' >&2; exit 1")
        #expect(!line.contains("PORTCULLIS_TEST_SECRET"))
        let names = line.split(separator: ": ").last.map(String.init) ?? ""
        #expect(names.contains("ANTHROPIC_API_KEY") && names.contains("CLAUDE_CONFIG_DIR"))
        #expect(!names.contains("CREDENTIALS_DIRECTORY") && !names.contains("NOTIFY_SOCKET"))
        let lines = try await Harness.turn(supply, Harness.conversation("word-of-the-prompt"))
        #expect(lines.last?.contains("word-of-the-prompt") == false)
    }
}
