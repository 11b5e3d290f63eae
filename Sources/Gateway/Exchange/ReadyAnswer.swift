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
        let accounts = site.snapshot.accounts
        let problems = site.problems.current
        let isUsable = !problems.contains { $0.subject == .cli }
        self.init(
            login: accounts.login,
            accounts: accounts.areSeveral ? accounts.watched.map { ($0.name, $0.login.word) } : [],
            selfTest: cli.selfTest.word, canAnswer: cli.selfTest.turnFault == nil, isUsable: isUsable,
            isStoring: !problems.contains { $0.subject == .storage }, isDraining: seat.phase != .serving || site.isEnding)
    }

    /// An answer by what holds now; `accounts` are those to be told of one by one.
    init(
        login: LoginState.Word, accounts: [(name: String, login: LoginState.Word)] = [], selfTest: String,
        canAnswer: Bool, isUsable: Bool, isStoring: Bool = true, isDraining: Bool
    ) {
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
            if !accounts.isEmpty {
                $0.key("accounts")
                $0.object { json in
                    for account in accounts {
                        json.key(JSONText(account.name))
                        json.string(account.login.rawValue)
                    }
                }
            }
            $0.member("self_test", selfTest)
            $0.member("cli", isUsable ? "ok" : "unusable")
            // No reason to send nobody: answers can be had, and the other instances may have the same disk.
            $0.member("storage", isStoring ? "ok" : "failing")
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
