import ClaudeCLI
import Platform
import Synchronization

/// One login of the CLI: how its processes are started, and what is known of its limits and its state. May be used from
/// any thread.
final class Account: Sendable {
    /// Its name in the settings, as keys and log lines have it.
    let name: String
    /// How its processes are started.
    let supply: CLISupply
    /// What is known of its usage limits.
    let quota: QuotaBook
    /// What is known of its login.
    let login: LoginBoard
    /// When a turn of it last began, in nanoseconds; 0 before the first.
    private let lastUse = Atomic<UInt64>(0)

    /// An account of which `old` was the one of the same name; its knowledge is kept as long as the login is the same.
    init(_ name: String = AccountSettings.standard, supply: CLISupply, after old: Account? = nil) {
        self.name = name
        self.supply = supply
        let isSame = old?.supply.profile.account == supply.profile.account
        quota = (isSame ? old?.quota : nil) ?? QuotaBook()
        login = (isSame ? old?.login : nil) ?? LoginBoard()
        if isSame, let old { lastUse.store(old.lastUse.load(ordering: .relaxed), ordering: .relaxed) }
    }

    /// A turn of it begins.
    func noteUse(at now: Instant) { lastUse.store(now.nanoseconds, ordering: .relaxed) }

    /// True once a turn of it has begun.
    var wasUsed: Bool { lastUse.load(ordering: .relaxed) > 0 }

    /// True where its next turn may come soon, so that a process may wait for it.
    func isInUse(at now: Instant) -> Bool {
        let last = lastUse.load(ordering: .relaxed)
        return last > 0 && now < Instant(nanoseconds: last) + Self.useTime
    }

    /// Where the operator keeps its variables, as texts name it.
    var variablesFile: String { Self.variablesFile(of: name) }

    /// The same by an account's name.
    static func variablesFile(of name: String) -> String {
        name == AccountSettings.standard ? "CLI_ENV_FILE" : "the file of account \(name)"
    }

    /// What is wrong with its login, for the operator; nil for nothing.
    func tell(_ state: LoginState) -> String? { Self.tell(state, of: name) }

    /// The same by an account's name.
    static func tell(_ state: LoginState, of name: String) -> String? {
        name == AccountSettings.standard ? state.problem : state.problem.map { "account \(name): \($0)" }
    }

    private static let useTime = Milliseconds.seconds(900)
}
