import Glibc
import Platform
import Synchronization
import Testing
import Vocabulary

@testable import ClaudeCLI

/// One loop for all tests of this module, on a thread that lives as long as the test run.
enum Harness {
    static let loop: EventLoop? = {
        signal(SIGPIPE, SIG_IGN)
        let loop = try? EventLoop()
        try? loop?.start()
        return loop
    }()

    private static let counter = Mutex(0)

    /// Runs `body` on the loop and waits for it.
    static func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (EventLoop) async throws -> Value
    ) async throws -> Value {
        let loop = try #require(loop)
        // Unstructured because only a task can be given an executor.
        return try await Task(executorPreference: loop) { try await body(loop) }.value
    }

    private static let root: String = {
        let path = "/tmp/portcullis-tests-\(getpid())"
        unsafe mkdir(path, 0o700)
        atexit {
            _ = PrivateTree.empty(Harness.root, keeping: [])
            unsafe rmdir(Harness.root)
        }
        return path
    }()

    /// A fresh private directory; all of them are removed when the tests end.
    static func directory() -> String {
        let number = counter.withLock { value in
            value += 1
            return value
        }
        let path = "\(root)/\(number)"
        unsafe mkdir(path, 0o700)
        return path
    }

    /// A supply whose CLI is a shell script.
    static func supply(script: String, limits: CLILimits = CLILimits()) throws -> CLISupply {
        let directory = directory()
        let path = directory + "/claude"
        guard let file = unsafe fopen(path, "w") else { throw Fault(.internalError, "no script") }
        let bytes = Array("#!/bin/sh\n\(script)\n".utf8)
        unsafe fwrite(bytes, 1, bytes.count, file)
        unsafe fclose(file)
        unsafe chmod(path, 0o700)
        waitForWriters(of: path)
        return CLISupply(
            LaunchProfile(path: path, operatorEnvironment: ["ANTHROPIC_API_KEY=x"], loginDirectory: "/nonexistent"),
            limits: limits, directories: try TurnDirectories(state: directory + "/state"))
    }

    /// A child that another test is just starting may hold the file open, which then cannot be run; a lease is given
    /// only where nobody writes.
    private static func waitForWriters(of path: String) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        // F_SETLEASE of fcntl(2), which Glibc does not show.
        let setLease: Int32 = 1024
        while fcntl(file, setLease, F_RDLCK) != 0, errno == EAGAIN { sched_yield() }
        _ = fcntl(file, setLease, F_UNLCK)
        close(file)
    }

    /// A conversation of one user message.
    static func conversation(_ text: String) -> Conversation {
        var conversation = Conversation(model: "sonnet")
        conversation.turns = [Turn(.user, [.text(JSONText(text))])]
        return conversation
    }

    /// Runs one turn to its end and returns what came, a line each.
    static func turn(_ supply: CLISupply, _ conversation: Conversation) async throws -> [String] {
        try await onLoop { loop in
            let wakeup = Wakeup()
            let plan = try TurnPlan(answering: conversation, model: conversation.model)
            let process = supply.serve(plan, with: try await supply.start(), on: loop, waking: wakeup)
            let lines = await drain(process, on: loop)
            await process.end()
            return lines
        }
    }

    static func drain(_ process: CLISession, on loop: EventLoop) async -> [String] {
        var lines: [String] = []
        let giveUp = loop.now + Milliseconds.seconds(60)
        while await process.step(until: giveUp, { lines.append(CLITrace.describe($0, $1)) }) != .ended {
            if loop.now >= giveUp {
                lines.append("(gave up)")
                break
            }
        }
        return lines
    }
}
