import Glibc
public import Platform
public import Vocabulary

/// One CLI process that serves one turn and is then gone, its whole process group with it.
///
/// Confined to its loop. Nothing in here blocks and nothing runs by itself: the owner calls `poll` (or
/// `step`, which also waits) until it answers `.ended`, then `end`, or `retire` until it answers true.
/// Dropping the process kills and reaps it as well, but makes the loop wait for it.
public final class CLIProcess {
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

    /// The process id, for the log.
    public var pid: Int32 { child.pid }
    /// Where the process started.
    public var workingDirectory: String { directory.working }
    /// The tokens counted, once a counting plan has ended well.
    public private(set) var countedTokens: Int?

    private var child: ChildProcess
    private let directory: TurnDirectory
    private let directories: TurnDirectories
    let limits: CLILimits
    private let remedy: LoginRemedy
    let loop: EventLoop
    let wakeup: Wakeup
    let alarm: Alarm
    private let inputReadiness: Readiness
    let outputReadiness: Readiness
    private let errorReadiness: Readiness
    private let exitReadiness: Readiness

    private var input = InputQueue()
    private var portions: [[ArraySlice<UInt8>]] = []
    var splitter: LineSplitter
    var assembler: ReplyAssembler
    private var tools: ClientTools?
    private var translator = CallTranslator()
    private var errorOutput = ErrorOutput()
    /// True once the pipes have been read behind the process's end.
    private var hasLookedBehind = false
    private var servers = ActiveServers.none
    /// By when the registered servers must have started; nil when none are waited for.
    private var serversDeadline: Instant?
    private var relief: [UInt8]?
    /// Lines longer than allowed, or not JSON: nothing more can be read.
    var isOutputOver = false
    private var isErrorOver = false
    /// True when the account's usage limits are told to the CLI, so that it will tell them.
    var expectsQuota = false
    var hasToldQuota = false
    /// True when the reply is over and the process will ask the vendor for nothing more if it is left alone.
    var isHarmless = false
    /// Calls of tools that wait for their results, which never come: the CLI asks for nothing meanwhile.
    private var heldCalls = 0
    /// When the vendor began the answer of the newest attempt.
    var answerStart: Instant?
    private var totalDeadline: Instant?
    private var lastSign: Instant
    /// The sign before, which counts where the newest was none.
    private var signBefore: Instant
    /// By when the process must have ended; set once its output has.
    private var exitDeadline: Instant?
    /// When SIGTERM has had its time; set by the first `retire`.
    private var graceEnd: Instant?
    var hasKilled = false
    private var isReleased = false

    init(
        _ child: consuming ChildProcess, in directory: TurnDirectory, of directories: TurnDirectories,
        limits: CLILimits, remedy: LoginRemedy, on loop: EventLoop, waking wakeup: Wakeup
    ) {
        self.directory = directory
        self.directories = directories
        self.limits = limits
        self.remedy = remedy
        self.loop = loop
        self.wakeup = wakeup
        alarm = Alarm(on: loop, waking: wakeup)
        let inputNumber = child.inputNumber
        inputReadiness = Readiness(inputNumber, on: loop, interest: .writing, waking: wakeup)
        outputReadiness = Readiness(child.output.number, on: loop, interest: .reading, waking: wakeup)
        errorReadiness = Readiness(child.errors.number, on: loop, interest: .reading, waking: wakeup)
        exitReadiness = Readiness(child.exit.number, on: loop, interest: .reading, waking: wakeup)
        splitter = LineSplitter(maxLineBytes: limits.maxLineBytes)
        assembler = ReplyAssembler(limits: limits, remedy: remedy)
        lastSign = loop.now
        signBefore = lastSign
        self.child = child
    }

    deinit {
        // Before the descriptors are closed: epoll would go on reporting a number that means something else.
        for readiness in [inputReadiness, outputReadiness, errorReadiness, exitReadiness] {
            readiness.cancel()
        }
        alarm.cancel()
        if !isReleased { directories.release(directory) }
    }

    /// Starts the turn; what does not fit into the pipe is written by `poll`.
    public func begin(_ plan: TurnPlan) {
        portions = plan.portions.reversed()
        tools = plan.tools
        translator = CallTranslator(plan.tools.names, demanding: plan.demandedCall)
        if !plan.servers.isEmpty {
            servers = plan.servers
            relief = plan.relief
            assembler = ReplyAssembler(limits: limits, servers: servers, remedy: remedy)
            serversDeadline = loop.now + Milliseconds(limits.serverStartMilliseconds + Self.serversGrace)
        }
        totalDeadline = loop.now + Milliseconds(limits.requestMilliseconds)
        lastSign = loop.now
        writeNextPortion()
    }

    /// The CLI is to say first which server was late, in milliseconds.
    private static let serversGrace = 5_000

    /// Moves what can be moved now, without waiting. `take` gets each reply event with the line its slices
    /// refer to.
    public func poll(_ take: (ReplyEvent, Span<UInt8>) -> Void) -> StepResult {
        guard !isOver else { return .ended }
        var emitted = 0
        let count = { (event: ReplyEvent, line: Span<UInt8>) in
            emitted += 1
            take(event, line)
        }
        writeInput()
        readErrors()
        readOutput(count)
        if !isOver { watchExit(count) }
        if !isOver { watchClock(count) }
        if isOver { return .ended }
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

    /// Kills the whole group at once; for a client that has gone.
    public func kill() {
        hasKilled = true
        child.signalGroup(SIGKILL)
    }

    /// True once the process is gone and its directories are empty; call again after the next wake-up until
    /// it is.
    ///
    /// The first call sends SIGTERM, a call after the grace time SIGKILL. Pipes that a descendant keeps open
    /// are not waited for.
    public func retire() -> Bool {
        if child.reapIfExited() != nil {
            // It may have told its limits between the end of the answer and its own.
            if !isReleased { readRest() }
            release()
            return true
        }
        if let graceEnd {
            if graceEnd <= loop.now, !hasKilled { kill() }
        } else {
            let end = loop.now + Milliseconds(limits.graceMilliseconds)
            graceEnd = end
            alarm.deadline = end
            if !hasKilled { child.signalGroup(SIGTERM) }
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

    var isOver: Bool { assembler.isOver || countedTokens != nil }

    private func release() {
        guard !isReleased else { return }
        isReleased = true
        alarm.cancel()
        directories.release(directory)
    }

    // MARK: - Input

    private func writeNextPortion() {
        guard let portion = portions.popLast() else { return }
        input.append(portion)
        writeInput()
    }

    private func writeInput() {
        while inputReadiness.isWritable, let bytes = input.next {
            switch child.write(bytes.span) {
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
    static let readsPerPoll = 8

    private func readOutput(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        for _ in 0..<Self.readsPerPoll {
            guard outputReadiness.isReadable, !isOutputOver, !isOver else { return }
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

    func receive() -> IOResult {
        var result = IOResult.wouldBlock
        unsafe splitter.receive { buffer in
            unsafe result = child.output.read(into: buffer)
            if case .bytes(let count) = result { return count }
            return 0
        }
        return result
    }

    private func takeLines(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        do {
            try splitter.forEachLine { line in
                handle(line, take)
                return !isOver
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
        guard !line.isEmpty else { return }
        let event: CLIEvent
        do { event = try CLIEventReader.read(line) } catch {
            let start = String(copying: line.extracting(first: min(line.count, 80)))
            let detail = "\(error.reason) at byte \(error.offset): " + Redaction.clean(start)
            let text = "The CLI printed something that is not JSON."
            return fail(Fault(.badGateway, text, detail: detail), take)
        }
        switch event {
        case .result(let result) where !portions.isEmpty && result.turns == 0 && !result.isError:
            writeNextPortion()
            return
        case .controlResponse(let response): return controlResponse(response, line, take)
        case .controlRequest(let request): return answer(request, line, take)
        case .turnStarted(let offered, let hasQuota):
            expectsQuota = hasQuota
            if let offered, let fault = tools?.missing(from: offered, in: line) { fail(fault, take) }
            return
        case .messageStart: answerStart = loop.now
        case .retry: answerStart = nil
        // A call of a client's tool is held for ever: that it waits says nothing of the answer.
        case .heartbeat where assembler.calls.hasClients: lastSign = signBefore
        default: break
        }
        let action = assembler.take(event, of: line, now: WallClock.unixSeconds) {
            if translator.isIdle { take($0, line) } else { translator.pass($0, of: line, to: take) }
        }
        if assembler.calls.hasCalled { translator.noteServerCall() }
        noteQuota()
        switch action {
        case .kill: kill()
        case .killUnlessHeld where heldCalls == 0: kill()
        case .killUnlessHeld, .linger: isHarmless = true
        case .goOn, .end: break
        }
        if let row = relief, assembler.calls.hasCalled {
            relief = nil
            input.append([row[...]])
            writeInput()
        }
    }

    private func controlResponse(
        _ response: CLIControlResponse, _ line: Span<UInt8>, _ take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        if response.isSuccess {
            if serversDeadline != nil { return serversAnswer(response, line, take) }
            guard response.id.matches(TurnPlan.countID, in: line) else { return }
            if let tokens = response.totalTokens {
                countedTokens = tokens
                return
            }
        }
        let detail = Redaction.clean(response.error?.string(in: line) ?? "no reason given")
        fail(Fault(.badGateway, "The CLI did not accept the request.", detail: detail), take)
    }

    /// An answer without the servers would be another answer than the one asked for.
    private func serversAnswer(
        _ response: CLIControlResponse, _ line: Span<UInt8>, _ take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        let fault: Fault?
        if response.id.matches(ActiveServers.requestID, in: line) {
            fault = response.errors.flatMap { servers.fault(from: $0, in: line) }
        } else if response.id.matches(ActiveServers.statusID, in: line) {
            serversDeadline = nil
            fault = servers.fault(fromStatus: response.servers, in: line)
        } else {
            return
        }
        if let fault { fail(fault, take) } else { writeNextPortion() }
    }

    private func answer(
        _ request: CLIControlRequest, _ line: Span<UInt8>, _ take: (ReplyEvent, Span<UInt8>) -> Void
    ) {
        switch ControlAnswer(to: request, in: line) {
        case .hold: heldCalls += 1
        case .write(let row):
            input.append([row[...]])
            writeInput()
        case .fail(let fault): fail(fault, take)
        }
    }

    private func readErrors() {
        for _ in 0..<Self.readsPerPoll {
            guard errorReadiness.isReadable, !isErrorOver else { return }
            switch errorOutput.receive(from: child.errors, limit: limits.maxErrorOutputBytes) {
            case .bytes: continue
            case .wouldBlock: errorReadiness.readWouldBlock()
            case .end, .failed: isErrorOver = true
            }
        }
        // Still readable, but nothing new will signal it.
        wakeup.signal()
    }

    // MARK: - Ends

    /// Ends the reply as failed and kills the group: whatever it does now is done for nobody.
    private func fail(_ fault: Fault, _ take: (ReplyEvent, Span<UInt8>) -> Void) {
        assembler.fail(fault) { take($0, [UInt8]().span) }
        kill()
    }

    /// A CLI that has ended without a result has failed; a descendant may keep its pipes open all the same.
    private func watchExit(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        guard exitReadiness.isReadable || isOutputOver else { return }
        guard let status = child.reapIfExited() else {
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
        if !isOver { fail(faultAtEnd(status), take) }
    }

    private func faultAtEnd(_ status: ExitStatus?) -> Fault {
        if let fault = assembler.faultAtEnd(now: WallClock.unixSeconds) { return fault }
        let errors = errorOutput.text
        let code = status.map { "exit status \($0.code)" } ?? "output closed"
        if errors.contains("Not logged in") || errors.contains("/login") {
            return FailureEvidence.notLoggedIn(remedy, detail: code)
        }
        return Fault(
            .badGateway, "The CLI ended without an answer.",
            detail: errors.isEmpty ? code : "\(code): \(errors)")
    }

    private func watchClock(_ take: (ReplyEvent, Span<UInt8>) -> Void) {
        let stall = serversDeadline ?? lastSign + Milliseconds.seconds(limits.stallSeconds)
        if let totalDeadline, totalDeadline <= loop.now {
            let seconds = limits.requestMilliseconds / 1000
            return fail(Fault(.gatewayTimeout, "The answer was not complete after \(seconds) seconds."), take)
        }
        if stall <= loop.now {
            if serversDeadline != nil { return fail(servers.lateFault, take) }
            let text = "The CLI was silent for \(limits.stallSeconds) seconds."
            return fail(Fault(.gatewayTimeout, text, detail: errorOutput.text), take)
        }
        alarm.deadline = [totalDeadline, exitDeadline].compactMap { $0 }.reduce(stall, min)
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
