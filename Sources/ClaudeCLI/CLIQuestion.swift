import Platform
import Vocabulary

/// Asks a CLI one thing that it answers by itself, without a turn.
enum CLIQuestion {
    /// Runs a plan on the loop of the caller until its output ends; the process group is gone afterwards.
    ///
    /// The answer is the last `maxBytes` of what it printed; nil when it took too long.
    static func ask(
        _ plan: SpawnPlan, milliseconds: Int, maxBytes: Int, on loop: EventLoop
    ) async throws(SystemError) -> [UInt8]? {
        var child = try ChildProcess.spawn(plan)
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
                guard reads < 64 else { return printed.bytes }
            case .end, .failed: return printed.bytes
            case .wouldBlock:
                output.readWouldBlock()
                guard !alarm.isDue else { return nil }
                await wakeup.wait()
            }
        }
    }
}
