import ClaudeCLI
import Platform

/// Looks after the logins of a running service. Confined to its loop.
final class LoginWatch {
    private let site: Site
    private let loop: EventLoop
    private let user = ServiceUser.current()
    private let wakeup = Wakeup()
    private let alarm: Alarm
    private var logins: [WatchedLogin] = []

    /// Between two glances at the files, in seconds.
    private static let glanceSeconds = 2

    /// A watch that looks at once. Make it on `loop`.
    init(_ site: Site, on loop: EventLoop) {
        self.site = site
        self.loop = loop
        alarm = Alarm(on: loop, waking: wakeup)
    }

    /// Waits until there is something to look at, and looks; what is wrong then.
    func next() async -> [String] {
        var index = nextDue()
        while index == nil {
            // A look that is due but must wait is not asked for again at once.
            let next = logins.map(\.nextLook).min() ?? loop.now + .seconds(Self.glanceSeconds)
            alarm.deadline = min(max(next, loop.now + .seconds(1)), loop.now + .seconds(Self.glanceSeconds))
            await wakeup.wait()
            index = nextDue()
        }
        alarm.cancel()
        if let index {
            var login = logins[index]
            let snapshot = site.snapshot
            let word = login.account.login.word
            await login.look(
                version: snapshot.cli.version, stateDirectory: snapshot.configuration.stateDirectory, as: user, on: loop)
            if login.account.login.word != word { site.noteChange() }
            // The accounts may be others by now.
            if let place = logins.firstIndex(where: { $0.account === login.account }) { logins[place] = login }
        }
        return logins.compactMap(\.problem)
    }

    /// The first login that is to be looked at now; nil when there is none.
    private func nextDue() -> Int? {
        let snapshot = site.snapshot
        // A program that has not been tried is told nothing, the operator's environment included.
        guard snapshot.isCLIUnchanged else { return nil }
        let watched = snapshot.accounts.watched
        if !logins.map(\.account).elementsEqual(watched, by: ===) {
            logins = watched.map { account in
                logins.first { $0.account === account } ?? WatchedLogin(account, from: loop.now)
            }
            for account in watched { account.login.wake(RemoteWakeup(wakeup, on: loop)) }
        }
        for index in logins.indices where logins[index].isDue(at: loop.now) { return index }
        return nil
    }
}

/// What is known of when one account's login must be looked at.
private struct WatchedLogin {
    let account: Account
    /// What is wrong with it, with the remedy; nil for nothing.
    private(set) var problem: String?
    private(set) var nextLook: Instant
    /// The files as they were before the newest look: what changes during one is looked at again.
    private var mark: LoginFiles.Mark?
    private var stateMark: LoginFiles.Mark?
    private var lastLook: Instant?

    /// Between two looks for the sake of turns that fail.
    private static let rest = Milliseconds.seconds(5)
    /// After so long without another turn's word a login that was refused is tried by one again.
    private static let forgetting = Milliseconds.seconds(300)

    /// A login that is looked at from `now` on.
    init(_ account: Account, from now: Instant) {
        self.account = account
        nextLook = now
    }

    mutating func isDue(at now: Instant) -> Bool {
        if nextLook <= now { return true }
        let board = account.login
        if files.mark(withState: false) != mark {
            // What turns met was met with other files.
            board.lookAnew()
            _ = board.takeWish()
            return true
        }
        if let lastLook, board.trouble != nil || isWanting, now < lastLook + Self.rest { return false }
        return board.takeWish() || (isWanting && files.mark(withState: true) != stateMark)
    }

    /// Looks, and tells the account's turns what helps. Call on `loop`.
    mutating func look(version: String, stateDirectory: String, as user: ServiceUser, on loop: EventLoop) async {
        // What turns met so long ago may be over: where others serve in this account's place, no turn would find out.
        if account.login.trouble != nil, let lastLook, lastLook + Self.forgetting <= loop.now { account.login.lookAnew() }
        mark = files.mark(withState: false)
        stateMark = files.mark(withState: true)
        let profile = account.supply.profile
        let state = await LoginLook.look(
            profile, of: account.variablesFile, version: version, stateDirectory: stateDirectory, as: user,
            after: account.login.trouble, on: loop)
        profile.remedy.change(missing: state.remedyOfMissing, refused: state.remedyOfRefused)
        account.login.show(state.word)
        problem = account.tell(state)
        lastLook = loop.now
        nextLook = loop.now + .seconds(Self.interval(of: state.word))
    }

    /// True while there is no login to speak of.
    private var isWanting: Bool { [.missing, .unreadable, .expired].contains(account.login.word) }

    private var files: LoginFiles { LoginFiles(directory: account.supply.profile.loginDirectory) }

    /// How long a judgement holds where nothing happens, in seconds.
    private static func interval(of word: LoginState.Word) -> Int {
        switch word {
        case .ok, .expires, .unwritable, .unknown: 3600
        case .missing, .unreadable, .expired, .refused, .wrong: 300
        }
    }
}
