import Glibc
public import Platform
public import Vocabulary

/// A CLI process and the turn it serves: its pipes, its clocks and its end.
///
/// Confined to its loop. Nothing in here blocks and nothing runs by itself: the owner calls `poll` (or `step`, which
/// also waits) until it answers `.ended`, then `settle`, and then either `detach`, or `end`, or `retire` until it answers
/// true. Dropping a session kills and reaps its process as well, but makes the loop wait for it.
public final class CLISession {
    /// What a look at the process came to.
    public enum StepResult: Equatable, Sendable {
        /// Reply events were handed over, and all lines read so far have been used up: a good moment to
        /// flush.
        case progress
        /// Nothing came: the deadline was reached, or somebody else woke the sleeper.
        case quiet
        /// The reply is over, or the tokens are counted. Nothing follows.
        case ended
    }

    /// Where the process of a turn came from.
    public enum Origin: String, Sendable {
        /// It was started for the turn.
        case fresh
        /// It had been started before anybody asked.
        case waiting
        /// It had forgotten another conversation.
        case rewound
        /// It held the conversation.
        case kept
    }

    /// Where a session stands; each state says what may still be done.
    private enum State {
        /// The turn runs, or its late words are waited for.
        case serving
        /// It was killed.
        case killed
        /// SIGTERM was sent; SIGKILL follows then.
        case leaving(killAt: Instant)
        /// The process is gone and its directory given back, or both are somebody else's now.
        case gone
    }

    /// The process id, for the log.
    public let pid: Int32
    /// The same; never nil.
    public var processID: Int32? { pid }
    /// The directory that is the process's own; never nil.
    public let processDirectory: String?
    /// Where the process came from.
    public let origin: Origin

    private var state = State.serving
    private var process: LivingProcess?
    private let machine: any TurnMachine
    private let limits: CLILimits
    private let remedy: LoginRemedy
    private let loop: EventLoop
    private let wakeup: Wakeup
    private let alarm: Alarm
    private let inputReadiness: Readiness
    private let outputReadiness: Readiness
    private let errorReadiness: Readiness
    private let exitReadiness: Readiness

    private var input = InputQueue()
    private var splitter: LineSplitter
    private var errorOutput = ErrorOutput()
    private var isErrorOver = false
    /// Lines longer than allowed, or not JSON: nothing more can be read.
    private var isOutputOver = false
    /// True once the pipes have been read behind the process's end.
    private var hasLookedBehind = false
    private var totalDeadline: Instant
    private var lastSign: Instant
    /// The sign before, which counts where the newest was none.
    private var signBefore: Instant
    /// By when the process must have ended; set once its output has.
    private var exitDeadline: Instant?

    /// A session in which `process` serves the turn of `machine`, watched by whoever sleeps on `wakeup`.
    init(
        _ process: consuming LivingProcess, from origin: Origin, serving machine: any TurnMachine, limits: CLILimits,
        remedy: LoginRemedy, on loop: EventLoop, waking wakeup: Wakeup
    ) {
        pid = process.pid
        processDirectory = process.ownDirectory
        self.origin = origin
        self.machine = machine
        self.limits = limits
        self.remedy = remedy
        self.loop = loop
        self.wakeup = wakeup
        alarm = Alarm(on: loop, waking: wakeup)
        inputReadiness = Readiness(process.child.inputNumber, on: loop, interest: .writing, waking: wakeup)
        outputReadiness = Readiness(process.child.output.number, on: loop, interest: .reading, waking: wakeup)
        errorReadiness = Readiness(process.child.errors.number, on: loop, interest: .reading, waking: wakeup)
        exitReadiness = Readiness(process.child.exit.number, on: loop, interest: .reading, waking: wakeup)
        splitter = LineSplitter(maxLineBytes: limits.maxLineBytes)
        lastSign = loop.now
        signBefore = lastSign
        totalDeadline = loop.now + Milliseconds(max(0, limits.requestMilliseconds - limits.spent.milliseconds))
        self.process = consume process
        write(self.machine.begin(at: loop.now))
    }

    deinit {
        // Before the descriptors are closed: epoll would go on reporting a number that means something else.
        unwatch()
        alarm.cancel()
    }

    private func unwatch() {
        for readiness in [inputReadiness, outputReadiness, errorReadiness, exitReadiness] { readiness.cancel() }
    }

    /// The tokens counted, once a counting plan has ended well.
    public var countedTokens: Int? { machine.countedTokens }

    /// What the turn has cost so far.
    public var spending: TurnSpending { machine.spending }

    /// What the turn has used of the vendor's service so far; its cost is told a moment behind the answer at the latest,
    /// where the process is waited for.
    public var usage: TurnUsage { machine.usage }

    /// True when the turn failed because its process, which had served others before, would not do: nothing was asked of
    /// the vendor, and another process may serve it.
    public var isUnfit: Bool { machine.isUnfit }

    /// True as long as that may turn out, which is for some seconds at most.
    public var mayBeUnfit: Bool { machine.mayBeUnfit }

    /// What was told of usage limits since it was last asked for, oldest first, and when the vendor said so.
    public func takeQuotas() -> (quotas: [Quota], observedAt: Instant) {
        (machine.takeQuotas(), machine.answerStart ?? loop.now)
    }

    /// Moves what can be moved now, without waiting. `take` gets each reply event with the line its slices
    /// refer to.
    public func poll(_ take: (ReplyEvent, Span<UInt8>) -> Void) -> StepResult {
        guard !machine.isOver else { return .ended }
        var emitted = 0
        let count = { (event: ReplyEvent, line: Span<UInt8>) in
            emitted += 1
            take(event, line)
        }
        writeInput()
        readErrors()
        readOutput(count)
        if !machine.isOver { watchExit(count) }
        if !machine.isOver { watchClock(count) }
        if machine.isOver { return .ended }
        return emitted > 0 ? .progress : .quiet
    }

    /// Moves what can be moved, waiting for it until `deadline` at the longest.
    ///
    /// Returns `.quiet` also when somebody else signalled the wake-up: look at everything, then call again.
    public func step(
        until deadline: Instant, _ take: (ReplyEvent, Span<UInt8>) -> Void
    ) async -> StepResult {
        let first = poll(take)
        guard first == .quiet else { return first }
        if let own = alarm.deadline { alarm.deadline = min(own, deadline) } else { alarm.deadline = deadline }
        await wakeup.wait()
        return poll(take)
    }

    // MARK: - Behind the answer

    /// True where the process waits for its next message, so that it can serve another turn.
    public var isReusable: Bool {
        guard case .serving = state else { return false }
        return machine.isOver && machine.rest == .idle && !isOutputOver && input.next == nil
    }

    /// Waits a moment for what the CLI says behind its answer: that its turn is over, where the process may be kept, and
    /// the word on usage limits.
    ///
    /// Returns at once where nothing is to come, or where the process has been killed already.
    public func settle(keeping: Bool) async {
        guard case .serving = state, machine.isOver else { return }
        let start = loop.now
        readRest()
        while let milliseconds = patience(keeping), !isOutputOver, loop.now < start + Milliseconds(milliseconds) {
            alarm.deadline = start + Milliseconds(milliseconds)
            await wakeup.wait()
            writeInput()
            readErrors()
            readRest()
        }
        alarm.deadline = nil
    }

    /// How long more is waited for, in milliseconds; nil for nothing.
    private func patience(_ keeping: Bool) -> Int? {
        guard case .serving = state else { return nil }
        if keeping, machine.rest == .unknown { return limits.settleMilliseconds }
        return machine.expectsLateWord ? limits.quotaMilliseconds : nil
    }

    /// Reads what is printed behind the answer.
    private func readRest() {
        let nobody = { (_: ReplyEvent, _: Span<UInt8>) in }
        takeLines(nobody)
        for _ in 0..<Self.readsPerPoll {
            guard outputReadiness.isReadable, !isOutputOver else { return }
            switch receive() {
            case .bytes: takeLines(nobody)
            case .wouldBlock: return outputReadiness.readWouldBlock()
            case .end, .failed: isOutputOver = true
            }
        }
    }

    /// Hands the process over to be kept for another turn; nil where it cannot be.
    ///
    /// It is nobody's until it is attached again, which may be on another loop.
    public func detach() -> LivingProcess? {
        guard isReusable, splitter.isEmpty, var process = process.take() else { return nil }
        unwatch()
        alarm.cancel()
        state = .gone
        process.hasServed = true
        process.memory.callIDs = machine.callIDs
        process.memory.cost = machine.processCost
        return process
    }

    // MARK: - Ends

    /// Kills the whole group at once; for a client that has gone.
    public func kill() {
        guard process != nil else { return }
        state = .killed
        process?.child.signalGroup(SIGKILL)
    }

    /// True once the process is gone and its directories are empty; call again after the next wake-up until
    /// it is.
    ///
    /// The first call sends SIGTERM, a call after the grace time SIGKILL. Pipes that a descendant keeps open
    /// are not waited for.
    public func retire() -> Bool {
        if case .gone = state { return true }
        if process?.child.reapIfExited() != nil {
            // It may have told its limits between the end of the answer and its own.
            if machine.isOver { readRest() }
            unwatch()
            alarm.cancel()
            process = nil
            state = .gone
            return true
        }
        switch state {
        case .serving:
            let end = loop.now + Milliseconds(limits.graceMilliseconds)
            state = .leaving(killAt: end)
            alarm.deadline = end
            process?.child.signalGroup(SIGTERM)
        case .leaving(let killAt): if killAt <= loop.now { kill() }
        case .killed, .gone: break
        }
        exitReadiness.readWouldBlock()
        return false
    }

    /// Waits until the process is gone.
    public func end() async {
        while !retire() { await wakeup.wait() }
        // A signal that was meant for somebody else may have been used up here.
        wakeup.signal()
    }

    // MARK: - Input

    private func write(_ rows: [ArraySlice<UInt8>]) {
        input.append(rows)
        writeInput()
    }

    private func writeInput() {
        while inputReadiness.isWritable, let bytes = input.next {
            switch process?.child.write(bytes.span) ?? .end {
            case .bytes(let count):
                input.drop(count)
                lastSign = loop.now
            case .wouldBlock: inputReadiness.writeWouldBlock()
            // The CLI reads no more: its output and its end tell why.
            case .end, .failed: input.clear()
            }
        }
    }

    // MARK: - Output

    /// At most so many reads at once: a CLI that never stops talking must not stop the loop.
    private static let readsPerPoll = 8

    private func readOutput(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        for _ in 0..<Self.readsPerPoll {
            guard outputReadiness.isReadable, !isOutputOver, !machine.isOver else { return }
            switch receive() {
            case .bytes: (signBefore, lastSign) = (lastSign, loop.now)
            case .wouldBlock: return outputReadiness.readWouldBlock()
            case .end, .failed:
                isOutputOver = true
                takeLastLine(take)
                return
            }
            takeLines(take)
        }
        // Still readable, but nothing new will signal it.
        wakeup.signal()
    }

    private func receive() -> IOResult {
        var result = IOResult.end
        guard process != nil else { return result }
        unsafe splitter.receive { buffer in
            unsafe result = process?.child.output.read(into: buffer) ?? .end
            guard case .bytes(let count) = result else { return 0 }
            if count < buffer.count { outputReadiness.readWasShort() }
            return count
        }
        return result
    }

    /// Takes the lines at hand, up to the end of the answer or, behind that, all of them.
    private func takeLines(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        let isLate = machine.isOver
        do {
            try splitter.forEachLine { line in
                handle(line, take)
                return isLate || !machine.isOver
            }
        } catch {
            isOutputOver = true
            fail(error, take)
        }
    }

    /// The CLI's last line may lack its end.
    private func takeLastLine(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        guard let rest = splitter.takeRest() else { return }
        splitter.withBytes(of: rest) { handle($0, take) }
    }

    private func handle(_ line: Span<UInt8>, _ take: (ReplyEvent, Span<UInt8>) -> Void) {
        switch machine.take(line, at: moment, take) {
        case .goOn: break
        case .ignore: lastSign = signBefore
        case .write(let rows): write(rows)
        case .kill: kill()
        }
    }

    private var moment: Moment { Moment(instant: loop.now, unixSeconds: WallClock.unixSeconds) }

    private func readErrors() {
        for _ in 0..<Self.readsPerPoll {
            guard errorReadiness.isReadable, !isErrorOver else { return }
            switch receiveErrors() {
            case .bytes: continue
            case .wouldBlock: errorReadiness.readWouldBlock()
            case .end, .failed: isErrorOver = true
            }
        }
        // Still readable, but nothing new will signal it.
        wakeup.signal()
    }

    private func receiveErrors() -> IOResult {
        guard process != nil else { return .end }
        return process?.receiveErrors(into: &errorOutput, limit: limits.maxErrorOutputBytes) ?? .end
    }

    // MARK: - Failures

    /// Ends the reply as failed and kills the group: whatever it does now is done for nobody.
    private func fail(_ fault: Fault, _ take: (ReplyEvent, Span<UInt8>) -> Void) {
        machine.fail(fault, take)
        kill()
    }

    /// A CLI that has ended without a result has failed; a descendant may keep its pipes open all the same.
    private func watchExit(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        guard exitReadiness.isReadable || isOutputOver else { return }
        guard let status = process?.child.reapIfExited() else {
            exitReadiness.readWouldBlock()
            guard isOutputOver else { return }
            let deadline = exitDeadline ?? loop.now + Milliseconds(limits.graceMilliseconds)
            exitDeadline = deadline
            if deadline <= loop.now { fail(faultAtEnd(nil), take) }
            return
        }
        // What it printed before it ended is still in the pipes, whether or not the loop has told of it by now.
        if !hasLookedBehind {
            hasLookedBehind = true
            outputReadiness.readAgain()
            errorReadiness.readAgain()
        }
        if outputReadiness.isReadable, !isOutputOver { return wakeup.signal() }
        if !isOutputOver {
            isOutputOver = true
            takeLastLine(take)
        }
        readErrors()
        if !machine.isOver { fail(faultAtEnd(status), take) }
    }

    private func faultAtEnd(_ status: ExitStatus?) -> Fault {
        // Whatever else it said before, it was not what ended it.
        if let fault = process?.child.memoryDeath?.fault { return fault }
        if let fault = machine.faultAtEnd(moment) { return fault }
        let errors = errorOutput.text
        let code = status.map { "exit status \($0.code)" } ?? "output closed"
        if errors.contains("Not logged in") || errors.contains("/login") {
            return FailureEvidence.notLoggedIn(remedy, detail: code)
        }
        var fault = Fault(
            .badGateway, "The CLI ended without an answer.",
            detail: errors.isEmpty ? code : "\(code): \(errors)")
        fault.isPassing = true
        return fault
    }

    private func watchClock(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        if totalDeadline <= loop.now {
            let seconds = limits.requestMilliseconds / 1000
            return fail(Fault(.gatewayTimeout, "The answer was not complete after \(seconds) seconds."), take)
        }
        let stall = machine.deadline?.at ?? lastSign + Milliseconds.seconds(limits.stallSeconds)
        if stall <= loop.now {
            if let fault = machine.deadline?.fault { return fail(fault, take) }
            let text = "The CLI was silent for \(limits.stallSeconds) seconds."
            return fail(Fault(.gatewayTimeout, text, detail: errorOutput.text), take)
        }
        let end = min(totalDeadline, stall)
        alarm.deadline = exitDeadline.map { min($0, end) } ?? end
    }
}

extension MemoryDeath {
    /// What becomes of a turn whose process was ended so.
    fileprivate var fault: Fault {
        let text = "The CLI was ended since it had no memory left."
        switch self {
        case .ownBound: return Fault(.badGateway, text, detail: "it took more than CHILD_MEMORY_BYTES")
        case .shortage:
            var fault = Fault(.badGateway, text, detail: "memory is short in the service's control group or the machine")
            fault.isPassing = true
            return fault
        }
    }
}

extension ChildProcess {
    /// The number of the input's descriptor; -1 once closed.
    var inputNumber: Int32 {
        switch input {
        case .some(let input): input.number
        case .none: -1
        }
    }

    /// Writes to the child's input as much as fits now.
    func write(_ bytes: Span<UInt8>) -> IOResult {
        switch input {
        case .some(let input): input.write(bytes)
        case .none: .end
        }
    }
}
