public import Platform
public import Vocabulary

/// Asks a CLI for its version.
public enum CLIVersion {
    /// Runs `claude --version` on the loop of the caller; the answer is its first word, as `2.1.329`.
    ///
    /// Throws when it cannot be started, takes longer than `limits` allow, or answers something else.
    public static func of(
        _ invocation: Invocation, limits: CLILimits = CLILimits(), on loop: EventLoop
    ) async throws(Fault) -> String {
        var plan = SpawnPlan(path: invocation.path, arguments: ["claude", "--version"], workingDirectory: "/")
        plan.environment = ["HOME=/nonexistent", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]
        var child: ChildProcess
        do { child = try ChildProcess.spawn(plan) } catch {
            throw Fault(.unavailable, "The CLI cannot be started.", detail: error.description)
        }
        child.closeInput()
        let wakeup = Wakeup()
        let alarm = Alarm(on: loop, waking: wakeup)
        alarm.deadline = loop.now + Milliseconds(limits.versionMilliseconds)
        let output = Readiness(child.output.number, on: loop, interest: .reading, waking: wakeup)
        defer {
            output.cancel()
            alarm.cancel()
        }
        var text = ErrorOutput()
        var reads = 0
        reading: while true {
            switch text.receive(from: child.output, limit: 500) {
            case .bytes:
                reads += 1
                guard reads < 64 else { break reading }
            case .end, .failed: break reading
            case .wouldBlock:
                output.readWouldBlock()
                guard !alarm.isDue else {
                    throw Fault(.gatewayTimeout, "The CLI did not tell its version in time.")
                }
                await wakeup.wait()
            }
        }
        guard let version = text.text.split(separator: " ").first, version.first?.isNumber == true else {
            throw Fault(.badGateway, "The CLI does not tell its version.", detail: text.text)
        }
        return String(version)
    }
}
