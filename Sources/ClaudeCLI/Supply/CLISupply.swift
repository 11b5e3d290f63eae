import Glibc
public import Platform
public import Vocabulary

/// Where turns get their CLI processes from.
///
/// Shared by all loops; a process itself is confined to the loop of the session that serves with it.
public final class CLISupply: Sendable {
    /// How the CLI is started.
    public let profile: LaunchProfile
    /// The bounds of its turns.
    public let limits: CLILimits
    let directories: TurnDirectories
    /// What all its processes for one message a turn are started with, but for their directories; with the credentials, even
    /// where processes are given none: those of another one do not serve in their place.
    private let environment: [String]

    /// A supply whose turns live in `directories`, which supplies before and after it may share.
    public init(_ profile: LaunchProfile, limits: CLILimits, directories: TurnDirectories) {
        self.profile = profile
        self.limits = limits
        self.directories = directories
        environment = profile.environment(in: TurnDirectory(slot: 0, path: ""), limits: limits)
            + (profile.standIn == nil ? [] : profile.account)
    }

    /// The kind of its processes whose program is `file`.
    public func kind(of file: ProgramFile) -> LaunchKind { LaunchKind(program: file, environment: environment, walls: profile.walls, bounds: profile.bounds, agent: profile.agent?.run) }

    /// A supply whose processes have the CLI's own tools, for the same account.
    public func working(as run: AgentRun, on ground: AgentGround) -> CLISupply {
        var profile = profile
        profile.agent = ground.launch(run, path: profile.path)
        var limits = limits
        limits.requestMilliseconds = run.workspace.bounds.seconds * 1000
        return CLISupply(profile, limits: limits, directories: directories)
    }

    /// A new process that has been told nothing, in which the model may be asked `messages` times a turn.
    public func start(messages: Int = 1) async throws(Fault) -> LivingProcess {
        let directory = try directories.take()
        do throws(SystemError) {
            let token = profile.standIn?.token()
            let way = profile.agent?.open()
            let plan = profile.plan(in: directory, limits: limits, messages: messages, token: token, way: way)
            return LivingProcess(
                try await ChildProcess.start(plan), in: directory, of: directories, holding: token, going: way,
                ranPrograms: profile.agent != nil)
        } catch {
            directories.release(directory)
            throw Self.fault(of: error)
        }
    }

    /// A new process of the very program that was tried; nil when another stands in its place, which has then been
    /// told nothing.
    ///
    /// It is looked at on both sides of the start, so that none comes between the look and the start.
    public func start(only file: ProgramFile, messages: Int = 1) async throws(Fault) -> LivingProcess? {
        guard ProgramFile(path: profile.path) == file else { return nil }
        do throws(Fault) {
            let process = try await start(messages: messages)
            guard !file.isUnchanged else { return process }
            process.kill()
            return nil
        } catch {
            guard file.isUnchanged else { return nil }
            throw error
        }
    }

    /// Serves a plan with a new process, watched on `loop` by whoever sleeps on `wakeup`. Call on that loop.
    public func serve(
        _ plan: TurnPlan, with process: consuming LivingProcess, on loop: EventLoop, waking wakeup: Wakeup
    ) -> CLISession {
        serve(plan, from: .fresh, with: process, on: loop, waking: wakeup)
    }

    func serve(
        _ plan: TurnPlan, from start: StartingPoint, with process: consuming LivingProcess, on loop: EventLoop,
        waking wakeup: Wakeup
    ) -> CLISession {
        let (portions, memory) = plan.script(from: start)
        process.memory = memory
        let machine: any TurnMachine
        var limits = limits
        limits.spent = plan.spent
        if plan.counts {
            machine = CountTurn(portions, servers: plan.servers, limits: limits, remedy: profile.remedy)
        } else {
            let beginning: RelayTurn.Beginning = process.hasServed ? .later : .first
            machine = RelayTurn(
                plan, portions, beginning, costBefore: memory.cost, limits: limits, remedy: profile.remedy, going: process.way)
        }
        let origin: CLISession.Origin
        switch start {
        case .fresh: origin = process.hasWaited ? .waiting : .fresh
        case .kept: origin = .kept
        case .rewound: origin = .rewound
        }
        return CLISession(
            process, from: origin, serving: machine, limits: limits, remedy: profile.remedy, on: loop, waking: wakeup)
    }

    private static func fault(of error: SystemError) -> Fault {
        let detail = error.description
        // Out of processes, memory or descriptors: it passes, unlike a program that is not there.
        if [EAGAIN, ENOMEM, EMFILE, ENFILE].contains(error.code) {
            return Fault(
                .overloaded, "The gateway has no room for another turn.", detail: detail,
                retryAfterSeconds: 2)
        }
        if error.call == "control group" {
            return Fault(
                .unavailable, "The gateway cannot prepare a turn.", detail: detail, retryAfterSeconds: 5)
        }
        return Fault(
            .unavailable,
            "The CLI behind this gateway cannot be started. Its operator must check CLAUDE_PATH.",
            detail: detail)
    }
}

extension TurnPlan {
    /// How many messages of the model the turn may come to: one, and one more for each time the CLI may call tools
    /// of registered servers itself.
    public var mostMessages: Int { servers.isEmpty ? 1 : 1 + servers.maxRounds }

    /// How many the CLI is told when its process begins: in a workspace the most of any run, since it serves several.
    var startMessages: Int { agent?.workspace.bounds.turns ?? mostMessages }
}
