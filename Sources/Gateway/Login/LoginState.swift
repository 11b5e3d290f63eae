import ClaudeCLI
import Vocabulary

/// What is known of the CLI's login.
struct LoginState: Sendable, Equatable {
    /// The word of `/health`.
    enum Word: String, Sendable, CaseIterable {
        /// There is one.
        case ok
        /// There is none.
        case missing
        /// There may be one, but the service's user may not read it.
        case unreadable
        /// There is one that the CLI will not be able to renew, since it may not write where it is kept.
        case unwritable
        /// It is over.
        case expired
        /// It is over within days.
        case expires
        /// The vendor did not take it in the newest turn.
        case refused
        /// What was given is of another kind than the variable it stands in.
        case wrong
        /// The CLI tells nothing of it.
        case unknown

        /// False where no answer can be had with it.
        var letsAnswer: Bool {
            switch self {
            case .ok, .expires, .unwritable, .unknown: true
            case .missing, .unreadable, .expired, .refused, .wrong: false
            }
        }
    }

    var word: Word
    /// What is wrong and which command mends it, in one sentence; nil when nothing is known to be wrong.
    var problem: String?
    /// The end of "Its operator must …" when a turn finds no login.
    var remedyOfMissing: String
    /// The same when the vendor refuses it.
    var remedyOfRefused: String

    /// A week: the CLI itself tells three days before, to whom sits before it.
    static let warningSeconds = 7 * 86_400
}

/// What a state of the login is judged by.
struct LoginFacts: Sendable {
    var login: CLIEnvironment.Login
    /// What the operator gives to the CLI, as `NAME=value`.
    var environment: [String] = []
    /// What the CLI says; nil when it says nothing.
    var status: LoginStatus?
    /// False when the CLI's own login directory is not there, so that there is no login.
    var hasDirectory = true
    var readingObstacle: LoginFiles.Obstacle?
    var writingObstacle: LoginFiles.Obstacle?
    /// What the newest turn met.
    var trouble: LoginTrouble?
    var user: ServiceUser
    var command: LoginCommand
    /// Where the operator keeps variables for it, as texts name it.
    var file = "CLI_ENV_FILE"
    /// In Unix seconds.
    var now: Int

    /// The judgement. In doubt there is no alarm.
    var state: LoginState {
        if case .directory(let path) = login { return judgeDirectory(path) }
        return judgeVariable()
    }

    // MARK: - A credential of the environment

    private func judgeVariable() -> LoginState {
        let name = variableName
        let renew = name == "CLAUDE_CODE_OAUTH_TOKEN" ? "renew \(name) in \(file) with `claude setup-token`"
            : "renew \(name) in \(file)"
        let set = "correct \(name) in \(file)"
        if let (what, remedy) = mistake {
            return LoginState(
                word: .wrong, problem: "\(what): \(remedy)", remedyOfMissing: remedy, remedyOfRefused: remedy)
        }
        switch trouble {
        case nil: return LoginState(word: .ok, remedyOfMissing: set, remedyOfRefused: renew)
        case .missing:
            return LoginState(
                word: .missing, problem: "the CLI finds no login in \(name): \(set)", remedyOfMissing: set,
                remedyOfRefused: renew)
        case .refused:
            return LoginState(
                word: .refused, problem: "the vendor refuses the credential in \(name): \(renew)",
                remedyOfMissing: set, remedyOfRefused: renew)
        }
    }

    private var variableName: String {
        switch login {
        case .apiKey: "ANTHROPIC_API_KEY"
        case .authToken: "ANTHROPIC_AUTH_TOKEN"
        case .oauthToken: "CLAUDE_CODE_OAUTH_TOKEN"
        case .cloud(let variable): variable
        case .directory: ""
        }
    }

    /// A credential that cannot be meant for its variable, and what to do. Of one that goes elsewhere than to the
    /// vendor nothing is said: what is taken there is not known.
    private var mistake: (what: String, remedy: String)? {
        let oauth = value(of: "CLAUDE_CODE_OAUTH_TOKEN")
        if login == .oauthToken, oauth == nil {
            return (
                "CLAUDE_CODE_OAUTH_REFRESH_TOKEN alone is no login for turns",
                "set CLAUDE_CODE_OAUTH_TOKEN (made by `claude setup-token`) in \(file)"
            )
        }
        guard value(of: "ANTHROPIC_BASE_URL") == nil else { return nil }
        if login == .apiKey, let key = value(of: "ANTHROPIC_API_KEY") {
            if key.hasPrefix("sk-ant-oat") {
                return (
                    "ANTHROPIC_API_KEY in \(file) holds a token of `claude setup-token`, not an API key",
                    "name it CLAUDE_CODE_OAUTH_TOKEN"
                )
            }
            if key.hasPrefix("sk-ant-ort") || key.hasPrefix("sk-ant-admin") {
                return ("ANTHROPIC_API_KEY in \(file) holds no API key for messages", "set one")
            }
        }
        guard login == .oauthToken, let oauth else { return nil }
        if oauth.hasPrefix("sk-ant-api") {
            return ("CLAUDE_CODE_OAUTH_TOKEN in \(file) holds an API key", "name it ANTHROPIC_API_KEY")
        }
        if oauth.hasPrefix("sk-ant-ort") {
            return (
                "CLAUDE_CODE_OAUTH_TOKEN in \(file) holds a refresh token",
                "set the one that `claude setup-token` prints"
            )
        }
        return nil
    }

    private func value(of name: String) -> Substring? {
        environment.last { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1)
    }

    // MARK: - The CLI's own login

    private func judgeDirectory(_ path: String) -> LoginState {
        let command = "run `\(command.text)`"
        let orToken = ", or set CLAUDE_CODE_OAUTH_TOKEN (made by `claude setup-token`) in \(file)"
        func state(_ word: LoginState.Word, _ what: String?, _ remedy: String) -> LoginState {
            LoginState(
                word: word, problem: what.map { "\($0): \(remedy)" }, remedyOfMissing: remedy,
                remedyOfRefused: remedy)
        }
        let remedy = command + orToken
        if let status, status.isLoggedIn {
            if let end = status.expiresAt, end <= now {
                return state(.expired, "the CLI's login has expired on \(Self.date(end))", remedy)
            }
            if trouble == .refused { return state(.refused, "the vendor refuses the CLI's login", remedy) }
            if let end = status.expiresAt, end <= now + LoginState.warningSeconds {
                return state(.expires, "the CLI's login expires on \(Self.date(end))", remedy)
            }
            if status.isRenewed, let obstacle = writingObstacle {
                return state(.unwritable, tell(obstacle) + ", so the CLI cannot renew its login", mend(obstacle))
            }
            return state(.ok, nil, remedy)
        }
        // Nothing was said: what turns met is all that is known.
        if status == nil, hasDirectory, readingObstacle == nil {
            switch trouble {
            case nil: return state(.unknown, nil, remedy)
            case .missing: return state(.missing, "the CLI is not logged in", remedy)
            case .refused: return state(.refused, "the vendor refuses the CLI's login", remedy)
            }
        }
        if let obstacle = readingObstacle {
            return state(.unreadable, "\(tell(obstacle)), so the CLI has no login", mend(obstacle))
        }
        return state(.missing, "the CLI is not logged in", remedy)
    }

    private func tell(_ obstacle: LoginFiles.Obstacle) -> String {
        let owner = obstacle.owner == user.uid ? user.label : ServiceUser.label(of: obstacle.owner)
        return "\(LoginCommand.quoted(obstacle.path)) belongs to \(owner) and \(user.label) may not \(obstacle.verb) it"
    }

    /// What is root's was most likely made by a login as root; what is another's stays theirs.
    private func mend(_ obstacle: LoginFiles.Obstacle) -> String {
        if obstacle.owner == user.uid { return "run `chmod u+rwX \(LoginCommand.quoted(obstacle.path))`" }
        guard case .directory(let directory) = login, obstacle.owner == 0, !obstacle.isAbove else {
            return "let CLAUDE_CONFIG_DIR name a directory of \(user.label)'s own, and log the CLI in there"
        }
        return "run `chown -R \(LoginCommand.quoted(user.name ?? "\(user.uid)")): \(LoginCommand.quoted(directory))`"
    }

    private static func date(_ seconds: Int) -> String { String(Timestamp.rfc3339(seconds).prefix(10)) }
}
