/// The logins of the CLI that a configuration names.
struct Accounts: Sendable {
    /// The login of `CLI_ENV_FILE` and `CLAUDE_CONFIG_DIR`.
    let standard: Account
    /// All of them, the standard one first.
    let all: [Account]
    /// Those of keys that name none, the first first; never empty.
    let usual: [Account]

    /// The standard one and others; `usual` are names of some of them.
    init(_ standard: Account, _ others: [Account] = [], usual names: [String] = [AccountSettings.standard]) {
        self.standard = standard
        let all = [standard] + others
        self.all = all
        let usual = names.compactMap { name in all.first { $0.name == name } }
        self.usual = usual.isEmpty ? [standard] : usual
    }

    /// The account of a name.
    subscript(name: String) -> Account? { all.first { $0.name == name } }

    /// The accounts of a key, the first first; empty where those that it names are no longer there.
    func of(_ options: KeyOptions?) -> [Account] {
        guard let names = options?.accounts else { return usual }
        return names.compactMap { self[$0] }
    }

    /// True where log lines must say which one it was.
    var areSeveral: Bool { all.count > 1 }

    /// Those that somebody is to look after: a standard login that neither a setting names nor a turn has used may be
    /// missing.
    var watched: [Account] {
        usual.contains { $0 === standard } || standard.wasUsed ? all : Array(all.dropFirst())
    }

    /// What is known of the login that keys without one of their own use: of the first that lets turns be answered.
    var login: LoginState.Word {
        for account in usual where account.login.word.letsAnswer { return account.login.word }
        return usual[0].login.word
    }
}
