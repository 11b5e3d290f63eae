import ClaudeCLI
import Glibc
import Platform
import Synchronization
import Vocabulary

/// Tries the installed CLI against an upstream of its own: no login, no network, nothing of the operator's.
///
/// What is tried is what turns use: `LaunchProfile`, `TurnPlan`, `CLISession`. A few processes, two at a time, each for
/// seconds at most; all of them are gone at the end, with their directories.
enum SelfTest {
    /// The most a whole test may take.
    private static let totalMilliseconds = 15_000
    /// When processes that even SIGKILL has not ended are given up.
    private static let graceMilliseconds = 2_000
    private static let concurrent = 2
    /// Tests of this process so far: two at once must not share a directory.
    private static let runs = Atomic(0)

    /// Tries the CLI at `path`; its processes live in a private directory below `state`. Call on `loop`.
    ///
    /// It is also asked what its names of models stand for, where `naming` is not nil: under those variables.
    static func run(
        path: String, state: String, naming: [String]? = [], within walls: WallPolicy? = nil, on loop: EventLoop
    ) async -> SelfTestReport {
        TurnDirectories.removeLeftovers("self-test-", in: state)
        let number = runs.add(1, ordering: .relaxed).newValue
        let directory = "\(state)/self-test-\(getpid())-\(number)"
        defer { TurnDirectories.remove(state: directory) }
        let wakeup = Wakeup()
        do {
            let bench = SelfTestBench(
                path: path, walls: walls, directories: try TurnDirectories(state: directory, sharesWorking: false),
                loop: loop, wakeup: wakeup, upstream: try LoopbackUpstream(on: loop, waking: wakeup))
            defer { bench.upstream.close() }
            var report = await run(bench)
            if let naming, case .tested = report.outcome {
                report.modelNames = await ModelQuestion.ask(
                    path: path, variables: naming, within: walls, in: bench.directories, limits: bench.limits.turn, on: loop)
            }
            return report
        } catch {
            let reason = (error as? Fault)?.detail ?? (error as? SystemError)?.description ?? "no reason given"
            var report = SelfTestReport(.untested("it could not be set up: \(reason)"))
            report.isFinal = false
            return report
        }
    }

    /// Asks the CLI what its names of models stand for under each of these sets of variables; call on `loop`.
    static func names(
        path: String, state: String, namings: Set<[String]>, within walls: WallPolicy?, on loop: EventLoop
    ) async -> [[String]: ModelNames] {
        guard !namings.isEmpty else { return [:] }
        let directory = "\(state)/self-test-\(getpid())-\(runs.add(1, ordering: .relaxed).newValue)"
        defer { TurnDirectories.remove(state: directory) }
        guard let directories = try? TurnDirectories(state: directory, sharesWorking: false) else { return [:] }
        var names: [[String]: ModelNames] = [:]
        for naming in namings {
            names[naming] = await ModelQuestion.ask(
                path: path, variables: naming, within: walls, in: directories, limits: SelfTestLimits().turn, on: loop)
        }
        return names
    }

    private static func run(_ bench: SelfTestBench) async -> SelfTestReport {
        let limit = bench.loop.now + Milliseconds(totalMilliseconds * bench.limits.factor)
        let begun = SelfTestProbe.Kind.first
        let first = await finish(begun, bench, until: limit)
        guard first.contains(where: \.isContacted) else { return untested(first) }
        let failed = first.filter { !$0.isGood }
        let again = failed.flatMap { $0.kind.next(isAsked: $0.isAsked) }
        let second = await finish(again, bench, until: limit)
        // What ran again, or in parts, is judged by that.
        let replaced = Set(failed.map(\.kind)).filter { kind in
            second.contains { kind.next(isAsked: true).contains($0.kind) || kind.parts.contains($0.kind) }
        }
        let kept = first.filter { !replaced.contains($0.kind) } + second
        var trial = await LivingTrial.run(bench, until: limit)
        // A machine under load makes a process end too late, but not twice.
        if !trial.isComplete || trial.findings.contains(where: { !$0.value }) {
            trial = await LivingTrial.run(bench, until: limit)
        }
        return verdict(
            kept, and: trial.findings,
            isComplete: first.count == begun.count && second.count == again.count && trial.isComplete)
    }

    /// Runs turns to their ends; those that found no time are left out.
    private static func finish(
        _ kinds: [SelfTestProbe.Kind], _ bench: SelfTestBench, until limit: Instant
    ) async -> [SelfTestTurn] {
        let alarm = Alarm(on: bench.loop, waking: bench.wakeup)
        alarm.deadline = limit
        defer { alarm.cancel() }
        var waiting = kinds
        var running: [SelfTestTurn] = []
        var done: [SelfTestTurn] = []
        while true {
            for turn in running { turn.poll() }
            done += running.filter(\.isOver)
            running.removeAll(where: \.isOver)
            let isSilent =
                done.contains(where: \.answer.isTimedOut) && !(done + running).contains(where: \.isContacted)
            if limit <= bench.loop.now || isSilent {
                waiting = []
                for turn in running { turn.abort() }
                alarm.deadline = limit + Milliseconds(graceMilliseconds)
                // Dropping what is left kills and reaps as well.
                if alarm.isDue { return done }
            }
            while running.count < concurrent, !waiting.isEmpty {
                running.append(SelfTestTurn(waiting.removeFirst(), bench))
            }
            guard !running.isEmpty else { return done }
            await bench.wakeup.wait()
        }
    }

    private static func untested(_ turns: [SelfTestTurn]) -> SelfTestReport {
        let isAnswered = turns.contains { $0.answer.isAnswer }
        let fault = turns.lazy.compactMap(\.answer.fault).first
        let reason = fault.map { "\($0.message) \($0.detail)" } ?? "no reason given"
        var report = SelfTestReport(
            .untested(
                isAnswered
                    ? "the CLI answers without asking the test's upstream" : "the CLI gives no answer: \(reason)"))
        report.isFinal = isAnswered
        return report
    }

    private static func verdict(
        _ turns: [SelfTestTurn], and others: [CLIFeature: Bool], isComplete: Bool
    ) -> SelfTestReport {
        var missing = Set(CLIFeature.allCases)
        var refuted: Set<CLIFeature> = []
        for (feature, works) in turns.flatMap({ $0.findings }) + others.map({ ($0.key, $0.value) }) {
            if works { missing.remove(feature) } else { refuted.insert(feature) }
        }
        var report = SelfTestReport(.tested(missing: missing.union(refuted)))
        let inTime = Set(turns.filter { !$0.answer.isTimedOut }.map(\.kind))
        report.isFinal = isComplete && turns.allSatisfy { inTime.contains($0.kind) }
        return report
    }
}

/// What the turns of one self-test share.
struct SelfTestBench {
    let path: String
    /// The walls of turns.
    let walls: WallPolicy?
    let directories: TurnDirectories
    let loop: EventLoop
    let wakeup: Wakeup
    let upstream: LoopbackUpstream
    let limits = SelfTestLimits()
}

/// The bounds of a self-test: seconds for a turn, doubled where more wants to run than the machine has cores for, and
/// no second attempt of the CLI's own.
struct SelfTestLimits {
    /// 1, or 2 on a busy machine.
    let factor: Int
    let turn: CLILimits

    init() {
        var load = 0.0
        let isKnown = unsafe getloadavg(&load, 1) == 1
        factor = isKnown && load > Double(2 * max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) ? 2 : 1
        var limits = CLILimits()
        limits.requestMilliseconds = 7_000 * factor
        limits.stallSeconds = 7 * factor
        limits.maxRetries = 0
        limits.retryPatienceMilliseconds = 0
        limits.graceMilliseconds = 300
        turn = limits
    }
}

/// One turn of a self-test, from its process's start until it is gone. Confined to its loop.
final class SelfTestTurn {
    let kind: SelfTestProbe.Kind
    private(set) var answer = SelfTestProbe.Answer()
    private(set) var isOver = false

    private let bench: SelfTestBench
    private let probe: SelfTestProbe
    private let token: String
    private var process: CLISession?
    private var isAnswered = false
    private let linger: Alarm

    init(_ kind: SelfTestProbe.Kind, _ bench: SelfTestBench) {
        self.kind = kind
        self.bench = bench
        var random = SystemRandomNumberGenerator()
        probe = SelfTestProbe(kind: kind, canary: "canary\(random.next() as UInt64)")
        linger = Alarm(on: bench.loop, waking: bench.wakeup)
        let (token, url) = bench.upstream.open(reply: probe.reply)
        self.token = token
        // Unstructured: its owner looks after it by `poll` and `abort`, which go by what has come of it.
        bench.loop.spawn { await self.start(url) }
    }

    deinit { linger.cancel() }

    /// True when the CLI has asked the upstream for this turn.
    var isContacted: Bool { bench.upstream.traffic(of: token).isContacted }

    /// True when the CLI has asked it for an answer.
    var isAsked: Bool { bench.upstream.traffic(of: token).isAsked }

    /// What the turn shows of each feature it is about.
    var findings: [CLIFeature: Bool] { probe.judge(answer, bench.upstream.traffic(of: token)) }

    /// True when everything it was about works.
    var isGood: Bool {
        let findings = findings
        return answer.fault == nil && probe.features.allSatisfy { findings[$0] == true }
            && findings.values.allSatisfy { $0 }
    }

    /// Does what can be done now without waiting.
    func poll() {
        guard let process, !isOver else { return }
        while !isAnswered {
            switch process.poll({ answer.note($0, $1) }) {
            case .progress: continue
            case .quiet: return
            case .ended:
                answer.countedTokens = process.countedTokens
                isAnswered = true
                process.kill()
            }
        }
        if linger.deadline == nil {
            guard process.retire() else { return }
            linger.deadline = bench.loop.now + Milliseconds(probe.lingersMilliseconds)
        }
        isOver = linger.isDue
    }

    /// Ends it early: time is over.
    func abort() {
        guard !isAnswered else { return }
        isAnswered = true
        answer.fault = Fault(.gatewayTimeout, "The CLI did not answer in time.")
        process?.kill()
        bench.wakeup.signal()
    }

    private func start(_ url: String) async {
        defer { bench.wakeup.signal() }
        // The login is made up: no credential of the operator's has any business here.
        var profile = LaunchProfile(
            path: bench.path,
            operatorEnvironment: ["ANTHROPIC_BASE_URL=\(url)", "CLAUDE_CODE_OAUTH_TOKEN=selftest-\(token)"],
            loginDirectory: "/nonexistent")
        profile.walls = bench.walls
        let supply = CLISupply(profile, limits: bench.limits.turn, directories: bench.directories)
        do {
            let process = try await supply.start()
            Self.write(probe.canary, to: "\(process.workingDirectory)/\(SelfTestProbe.canaryFile)")
            let plan = try probe.plan(workingDirectory: process.workingDirectory)
            self.process = supply.serve(plan, with: process, on: bench.loop, waking: bench.wakeup)
        } catch {
            answer.fault = error as? Fault ?? Fault(.internalError, "The self-test's turn cannot be planned.")
            process?.kill()
            isOver = true
        }
    }

    private static func write(_ text: String, to path: String) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let file = FileDescriptor(adopting: descriptor)
        _ = file.write(Array(text.utf8).span)
    }
}
