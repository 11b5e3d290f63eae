import Server
import Vocabulary

/// Whether a balancer should send anybody here: `GET /readyz`.
///
/// Apart from `/health`, which says that the service lives: one that is alive and cannot answer is not to be restarted.
struct ReadyAnswer {
    let body: [UInt8]
    let isReady: Bool

    init(_ seat: Seat) {
        let site = seat.site
        let cli = site.snapshot.cli
        let login = site.snapshot.accounts.login
        let isUsable = !site.problems.current.contains { $0.subject == .cli }
        self.init(
            login: login, selfTest: cli.selfTest.word, canAnswer: cli.selfTest.turnFault == nil, isUsable: isUsable,
            isDraining: seat.phase != .serving || site.isEnding)
    }

    init(login: LoginState.Word, selfTest: String, canAnswer: Bool, isUsable: Bool, isDraining: Bool) {
        var failing: [String] = []
        if !login.letsAnswer { failing.append("login") }
        if !canAnswer { failing.append("self_test") }
        if !isUsable { failing.append("cli") }
        if isDraining { failing.append("draining") }
        isReady = failing.isEmpty
        var body = JSONWriter()
        body.beginObject()
        body.member("status", isReady ? "ready" : "not_ready")
        body.key("checks")
        body.object {
            $0.member("login", login.rawValue)
            $0.member("self_test", selfTest)
            $0.member("cli", isUsable ? "ok" : "unusable")
            $0.member("draining", isDraining)
        }
        body.key("failing")
        body.beginArray()
        for name in failing { body.string(name) }
        body.endArray()
        body.endObject()
        self.body = body.bytes
    }
}
