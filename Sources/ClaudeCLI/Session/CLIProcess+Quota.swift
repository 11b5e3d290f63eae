public import Platform
import Vocabulary

/// What the CLI tells of usage limits, most of which comes behind the answer.
extension CLIProcess {
    /// What was told of usage limits since it was last asked for, oldest first, and when the vendor said so.
    public func takeQuotas() -> (quotas: [Quota], observedAt: Instant) {
        (assembler.takeQuotas(), answerStart ?? loop.now)
    }

    /// Waits a moment for the word on usage limits, which comes behind the answer, and kills the process.
    ///
    /// Returns at once where it has come, will not come, or where the process has been killed already.
    public func awaitQuota() async {
        guard !hasKilled, expectsQuota, isHarmless else { return }
        let deadline = loop.now + Milliseconds(limits.quotaMilliseconds)
        alarm.deadline = deadline
        readRest()
        while !hasToldQuota, !isOutputOver, loop.now < deadline {
            await wakeup.wait()
            alarm.deadline = deadline
            readRest()
        }
        kill()
    }

    /// Reads what is printed behind the answer, where only the usage limits matter.
    func readRest() {
        guard isOver, expectsQuota, !hasToldQuota else { return }
        for _ in 0..<Self.readsPerPoll {
            do {
                try splitter.forEachLine { line in
                    switch try? CLIEventReader.read(line) {
                    case .rateLimit(let information)?: assembler.note(information, of: line)
                    case .result?: isOutputOver = true
                    default: break
                    }
                    return true
                }
            } catch {
                isOutputOver = true
            }
            noteQuota()
            guard !isOutputOver, !hasToldQuota else { return }
            switch receive() {
            case .bytes: continue
            case .wouldBlock: return outputReadiness.readWouldBlock()
            case .end, .failed: isOutputOver = true
            }
        }
    }

    func noteQuota() { if !assembler.quotas.isEmpty { hasToldQuota = true } }
}
