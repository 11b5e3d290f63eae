import ClaudeCLI
import Platform

/// Looks after the login of a running service. Confined to its loop.
final class LoginWatch {
    private let site: Site
    private let loop: EventLoop
    private let user = ServiceUser.current()
    private let wakeup = Wakeup()
    private let alarm: Alarm
    /// The files as they were before the newest look: what changes during one is looked at again.
    private var mark: LoginFiles.Mark?
    private var stateMark: LoginFiles.Mark?
    private var lastLook: Instant?
    private var nextLook: Instant

    /// Between two glances at the files, in seconds.
    private static let glanceSeconds = 2
    /// Between two looks for the sake of turns that fail.
    private static let restSeconds = 5

    /// A watch that looks at once. Make it on `loop`.
    init(_ site: Site, on loop: EventLoop) {
        self.site = site
        self.loop = loop
        alarm = Alarm(on: loop, waking: wakeup)
        nextLook = loop.now
        site.login.wake(RemoteWakeup(wakeup, on: loop))
    }

    /// Waits until there is something to look at, and looks; what is wrong then.
    func next() async -> [String] {
        while !isDue {
            // A look that is due but must wait is not asked for again at once.
            let soonest = max(nextLook, loop.now + .seconds(1))
            alarm.deadline = min(soonest, loop.now + .seconds(Self.glanceSeconds))
            await wakeup.wait()
        }
        alarm.cancel()
        let snapshot = site.snapshot
        mark = files(of: snapshot).mark(withState: false)
        stateMark = files(of: snapshot).mark(withState: true)
        let state = await LoginLook.look(
            snapshot.supply.profile, version: snapshot.cli.version,
            stateDirectory: snapshot.configuration.stateDirectory, as: user, after: site.login.trouble, on: loop)
        snapshot.supply.profile.remedy.change(missing: state.remedyOfMissing, refused: state.remedyOfRefused)
        site.login.show(state.word)
        lastLook = loop.now
        nextLook = loop.now + .seconds(Self.interval(of: state.word))
        return state.problem.map { [$0] } ?? []
    }

    private var isDue: Bool {
        // A program that has not been tried is told nothing, the operator's environment included.
        guard site.snapshot.isCLIUnchanged else { return false }
        if nextLook <= loop.now { return true }
        let files = files(of: site.snapshot)
        if files.mark(withState: false) != mark {
            // What turns met was met with other files.
            site.login.lookAnew()
            _ = site.login.takeWish()
            return true
        }
        if let lastLook, site.login.trouble != nil || isWanting, loop.now < lastLook + .seconds(Self.restSeconds) {
            return false
        }
        return site.login.takeWish() || (isWanting && files.mark(withState: true) != stateMark)
    }

    /// True while there is no login to speak of.
    private var isWanting: Bool { [.missing, .unreadable, .expired].contains(site.login.word) }

    private func files(of snapshot: Snapshot) -> LoginFiles {
        LoginFiles(directory: snapshot.supply.profile.loginDirectory)
    }

    /// How long a judgement holds where nothing happens, in seconds.
    private static func interval(of word: LoginState.Word) -> Int {
        switch word {
        case .ok, .expires, .unwritable, .unknown: 3600
        case .missing, .unreadable, .expired, .refused, .wrong: 300
        }
    }
}
