public import Platform
import Vocabulary

/// What the CLI says of the login that it keeps in its configuration directory.
public struct LoginStatus: Sendable, Equatable {
    /// Whether it would ask the vendor at all.
    public var isLoggedIn: Bool
    /// When its owner must log in again, in Unix seconds; nil where no end is known.
    ///
    /// Not the end of the access token, which the CLI renews by itself as long as the login lasts.
    public var expiresAt: Int?
    /// True for a subscription's login, whose files the CLI writes anew every few hours.
    public var isRenewed = false

    /// A status of one's own making.
    public init(isLoggedIn: Bool, expiresAt: Int? = nil, isRenewed: Bool = false) {
        self.isLoggedIn = isLoggedIn
        self.expiresAt = expiresAt
        self.isRenewed = isRenewed
    }

    /// Reads the answer of `claude auth status`; nil when it is none.
    public init?(parsing bytes: [UInt8]) {
        guard let document = try? JSONDocument(parsing: bytes, limits: JSONLimits(depth: 16, values: 500)),
            let isLoggedIn = document.root["loggedIn"]?.bool
        else { return nil }
        self.isLoggedIn = isLoggedIn
        expiresAt = (document.root["loginExpiresAt"]?.text?.string).flatMap(Timestamp.seconds(rfc3339:))
        isRenewed = document.root["authMethod"]?.text?.string == "claude.ai"
    }

    /// True when a CLI of this version has the command; an older one would take it for a prompt.
    public static func isTold(by version: String) -> Bool {
        let numbers = version.split(separator: ".", omittingEmptySubsequences: false).prefix(3)
            .map { part in part.utf8.prefix { (0x30...0x39).contains($0) }.prefix(6) }
            .map { digits in digits.reduce(0) { $0 * 10 + Int($1 - 0x30) } }
        return numbers.count == 3 && !numbers.lexicographicallyPrecedes([2, 1, 41])
    }

    /// Asks the CLI as it is for the turns of `profile`, on the loop of the caller; nil when it gives no answer.
    ///
    /// Left alone, the CLI would use the login to answer: it asks the vendor for the account, and renews what is about
    /// to expire, so that whoever stops it in that moment loses the login. Here every way out of it ends at a port of
    /// loopback where nothing listens.
    public static func of(
        _ profile: LaunchProfile, limits: CLILimits = CLILimits(), on loop: EventLoop
    ) async -> LoginStatus? {
        var plan = SpawnPlan(
            path: profile.path, arguments: ["claude"] + arguments, workingDirectory: "/")
        plan.environment = environment(of: profile)
        plan.walls = profile.walls?.walls(
            running: profile.path, in: nil, login: profile.loginDirectory, variables: profile.operatorEnvironment)
        guard
            let reply = try? await CLIQuestion.ask(
                plan, milliseconds: limits.versionMilliseconds, maxBytes: 16_384, on: loop), !reply.isLate
        else { return nil }
        return LoginStatus(parsing: reply.output)
    }

    /// The settings of turns, since a helper that is named in the user's own is not asked in a turn.
    private static let arguments = ["--setting-sources", "", "auth", "status", "--json"]

    /// What the operator gives to turns, but for the ways to the network. The home is one that cannot exist.
    static func environment(of profile: LaunchProfile) -> [String] {
        let nowhere = "http://127.0.0.1:1"
        let fixed =
            ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "ANTHROPIC_BASE_URL"]
            .map { "\($0)=\(nowhere)" } + [
                "NO_PROXY=", "no_proxy=", "HOME=/dev/null/home", "TMPDIR=/dev/null/tmp",
                "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC",
                "CLAUDE_CONFIG_DIR=\(profile.loginDirectory)", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
            ]
        let names = Set(fixed.map { $0.prefix { $0 != "=" } })
        return fixed + profile.operatorEnvironment.filter { pair in !names.contains(pair.prefix { $0 != "=" }) }
    }
}
