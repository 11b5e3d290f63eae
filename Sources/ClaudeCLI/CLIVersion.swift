import Glibc
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
            let isThere = unsafe access(invocation.path, F_OK) == 0
            let isMissing = isThere && error.code == ENOENT
            throw Fault(
                .unavailable, "The CLI cannot be started.",
                detail: isMissing ? "The interpreter that its first line names does not exist." : error.description)
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
                    throw Fault(
                        .gatewayTimeout, "The CLI did not tell its version in time.", detail: complaint(of: child))
                }
                await wakeup.wait()
            }
        }
        guard let version = text.text.split(separator: " ").first, version.first?.isNumber == true else {
            let complaint = complaint(of: child)
            throw Fault(
                .badGateway, "The CLI does not tell its version.",
                detail: complaint.isEmpty ? text.text : complaint)
        }
        return String(version)
    }

    /// The first line that the child has written to its standard error, bounded and without secrets.
    ///
    /// What it wrote before it closed its output lies in the pipe; nothing more is waited for.
    private static func complaint(of child: borrowing ChildProcess) -> String {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let result = unsafe chunk.withUnsafeMutableBytes { unsafe child.errors.read(into: $0) }
        guard case .bytes(let count) = result else { return "" }
        let lines = chunk[..<count].split(separator: UInt8(ascii: "\n"))
        let first = lines.first { line in line.contains { $0 > 0x20 } } ?? []
        return Redaction.clean(String(decoding: first, as: UTF8.self))
    }
}
