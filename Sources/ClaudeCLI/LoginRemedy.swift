import Synchronization

/// What the operator is to do about a login, as the end of "Its operator must …": turns tell it to clients, and the
/// gateway brings it up to date as it learns more.
public final class LoginRemedy: Sendable {
    private let texts = Mutex((missing: general, refused: general))

    /// What can be said without knowing user and directory.
    public static let general =
        "run `claude auth login` as the user it runs as, or set CLAUDE_CODE_OAUTH_TOKEN (made by "
        + "`claude setup-token`) in CLI_ENV_FILE"

    /// The general remedy.
    public init() {}

    /// What helps when there is no login.
    public var ofMissing: String { texts.withLock { $0.missing } }

    /// What helps when the vendor does not take it.
    public var ofRefused: String { texts.withLock { $0.refused } }

    /// Tells turns from now on what helps.
    public func change(missing: String, refused: String) {
        texts.withLock { $0 = (missing, refused) }
    }
}
