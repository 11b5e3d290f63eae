import Platform
import Vocabulary

/// Asks a CLI one thing that it answers by itself, without a turn.
enum CLIQuestion {
    /// What it answered.
    struct Reply {
        /// The end of what it printed.
        var output: [UInt8]
        /// The first line of its standard error, bounded and without secrets.
        var complaint: String
        /// True when it took too long, and was not waited for any more.
        var isLate = false
    }

    /// Runs a plan on the loop of the caller until its output ends; the process group is gone afterwards.
    ///
    /// `input` is all it is told, and less than a pipe holds. The output is the last `maxBytes` of what it printed.
    static func ask(
        _ plan: SpawnPlan, input: [UInt8] = [], milliseconds: Int, maxBytes: Int, on loop: EventLoop
    ) async throws(SystemError) -> Reply {
        var child = try await ChildProcess.start(plan)
        if !input.isEmpty { _ = child.write(input.span) }
        child.closeInput()
        let wakeup = Wakeup()
        let alarm = Alarm(on: loop, waking: wakeup)
        alarm.deadline = loop.now + Milliseconds(milliseconds)
        let output = Readiness(child.output.number, on: loop, interest: .reading, waking: wakeup)
        defer {
            output.cancel()
            alarm.cancel()
        }
        var printed = ErrorOutput()
        var reads = 0
        while true {
            switch printed.receive(from: child.output, limit: maxBytes) {
            case .bytes:
                reads += 1
                guard reads < 64 else { return Reply(output: printed.bytes, complaint: complaint(of: child)) }
            case .end, .failed: return Reply(output: printed.bytes, complaint: complaint(of: child))
            case .wouldBlock:
                output.readWouldBlock()
                guard !alarm.isDue else {
                    return Reply(output: printed.bytes, complaint: complaint(of: child), isLate: true)
                }
                await wakeup.wait()
            }
        }
    }

    /// What the child wrote before it closed its output lies in the pipe; nothing more is waited for.
    private static func complaint(of child: borrowing ChildProcess) -> String {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let result = unsafe chunk.withUnsafeMutableBytes { unsafe child.errors.read(into: $0) }
        guard case .bytes(let count) = result else { return "" }
        let lines = chunk[..<count].split(separator: UInt8(ascii: "\n"))
        let first = lines.first { line in line.contains { $0 > 0x20 } } ?? []
        return Redaction.clean(String(decoding: first, as: UTF8.self))
    }
}
