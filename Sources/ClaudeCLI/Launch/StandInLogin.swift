/// A login that children are given in place of the operator's: a port of loopback that stands for the vendor, and for each
/// child a token that is good there for as long as the child lives.
public struct StandInLogin: Sendable {
    /// A child's token; revoked with the last reference to it.
    public protocol Token: AnyObject, Sendable {
        /// What the child is told.
        var text: String { get }
    }

    /// What stands for the vendor.
    let baseURL: String
    /// The credentials that a token takes the place of.
    let credentials: [String]
    private let issue: @Sendable () -> any Token

    /// A login whose tokens come from `issue`, each at the start of a child, and are good at `baseURL` for `credentials`.
    public init(baseURL: String, credentials: [String], issue: @escaping @Sendable () -> any Token) {
        self.baseURL = baseURL
        self.credentials = credentials
        self.issue = issue
    }

    /// What a child is given of the operator's variables.
    func variables(instead variables: [String]) -> [String] {
        variables.filter { pair in
            !(LaunchProfile.credentials + ["ANTHROPIC_BASE_URL"]).contains { pair.hasPrefix($0 + "=") }
        } + ["ANTHROPIC_BASE_URL=" + baseURL]
    }

    /// A token for a child that starts now.
    func token() -> any Token { issue() }

    /// The variables by which a child is told its token.
    func assignments(_ token: any Token) -> [String] { credentials.map { "\($0)=\(token.text)" } }
}
