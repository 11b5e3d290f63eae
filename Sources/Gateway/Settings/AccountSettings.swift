/// The logins of the CLI beside the one of `CLI_ENV_FILE` and `CLAUDE_CONFIG_DIR`.
struct AccountSettings: Sendable, Equatable {
    /// One more login: what it is called and where it is kept.
    struct Place: Sendable, Equatable {
        var name: String
        /// A directory somebody logged in, or a file of variables; absolute.
        var path: String
    }

    /// The login of `CLI_ENV_FILE` and `CLAUDE_CONFIG_DIR`.
    static let standard = "default"

    /// In the order of the setting; no name twice, and none that is ``standard``.
    var places: [Place] = []
    /// The accounts of keys that name none, the first first.
    var usual = [standard]

    /// All names there are.
    var names: [String] { [Self.standard] + places.map(\.name) }

    /// The first of the names that is no account's; nil when all are.
    func unknown(in names: [String]) -> String? { names.first { !self.names.contains($0) } }

    /// Letters, digits, `-` and `_`: a name stands in options, log lines and labels of metrics.
    static func isName(_ text: some StringProtocol) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

extension Setting.Reader {
    /// Names of accounts and where their logins are kept.
    static var accounts: Self {
        .list("NAME=PATH,…", \.accounts.places) { (text, _) throws(ValueProblem) in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, AccountSettings.isName(parts[0]), !parts[1].isEmpty else {
                throw ValueProblem("\(quoted(text)) is not NAME=PATH with a name of letters, digits, - and _")
            }
            guard parts[0] != AccountSettings.standard else {
                throw ValueProblem("`default` is the account of CLI_ENV_FILE and CLAUDE_CONFIG_DIR")
            }
            return AccountSettings.Place(name: String(parts[0]), path: String(parts[1]))
        }
    }

    /// Names of accounts.
    static var accountNames: Self {
        .list("NAME,…", \.accounts.usual, fallback: AccountSettings.standard) { (text, _) throws(ValueProblem) in
            guard AccountSettings.isName(text) else { throw ValueProblem("\(quoted(text)) is no name of an account") }
            return text
        }
    }
}
