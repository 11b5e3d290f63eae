import Relay
import TLS

/// A login whose credential stays in the gateway: children are given a token, and the relay adds the rest.
struct RelayedLogin: Sendable {
    /// The names of the operator's credentials, each of which a child's token takes the place of.
    let credentials: [String]
    /// Where requests go, and with what.
    let route: RelayRoute

    /// The variables that hold a credential which can be relayed.
    private static let fields: [(name: String, field: RelayRoute.Field)] = [
        ("ANTHROPIC_API_KEY", .apiKey), ("ANTHROPIC_AUTH_TOKEN", .bearer),
    ]

    /// The login of an account's environment; throws why it cannot be relayed, in one line.
    init(_ environment: CLIEnvironment, of account: String) throws(ConfigurationFaults) {
        if let reason = Self.obstacle(environment) {
            throw ConfigurationFaults([ConfigurationFault("CREDENTIAL_RELAY", "account \(account): \(reason)")])
        }
        func value(_ name: String) -> String? { environment.variables.last { $0.name == name }?.value }
        let given = Self.fields.compactMap { name, field in value(name).map { (name: name, field: field, value: $0) } }
        credentials = given.map(\.name)
        let address = value("ANTHROPIC_BASE_URL").map { UpstreamAddress($0) } ?? UpstreamAddress()
        guard let address else {
            throw ConfigurationFaults([
                ConfigurationFault("CREDENTIAL_RELAY", "account \(account): ANTHROPIC_BASE_URL is not http[s]://HOST[:PORT][/PATH]")
            ])
        }
        var tls: TLSClientContext?
        if address.isEncrypted {
            do throws(TLSFault) {
                tls = try TLSClientContext(
                    authorities: Self.file(value("SSL_CERT_FILE")), more: Self.file(value("NODE_EXTRA_CA_CERTS")))
            } catch {
                throw ConfigurationFaults([ConfigurationFault("CREDENTIAL_RELAY", "account \(account): \(error.message)")])
            }
        }
        route = RelayRoute(
            host: address.host, port: address.port, tls: tls, prefix: address.prefix,
            credentials: given.map { ($0.field, $0.value) })
    }

    /// The content of a file of authorities; nil where none is named.
    private static func file(_ path: String?) throws(TLSFault) -> [UInt8]? {
        guard let path else { return nil }
        do throws(FileFault) { return try SecretFile.read(path, .readableByAll, maximumBytes: 8 << 20).copy } catch {
            throw TLSFault(error.description)
        }
    }

    /// Why a login cannot be relayed; nil where it can.
    private static func obstacle(_ environment: CLIEnvironment) -> String? {
        switch environment.login {
        case .oauthToken, .directory:
            return "it is an OAuth login, which the CLI renews itself and the vendor lets nobody else use; give it an "
                + "ANTHROPIC_API_KEY or an ANTHROPIC_AUTH_TOKEN"
        case .cloud(let variable): return "\(variable): the CLI signs requests to a cloud itself, with the cloud's credential"
        case .apiKey, .authToken: break
        }
        for (name, value) in environment.variables {
            let upper = name.uppercased()
            if upper.hasSuffix("_PROXY"), upper != "NO_PROXY" { return "\(name): the relay asks the vendor without a proxy" }
            if ["CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CLIENT_KEY"].contains(name) {
                return "\(name): the relay shows the vendor no certificate"
            }
            if name == "NODE_TLS_REJECT_UNAUTHORIZED" { return "\(name): the relay looks at the vendor's certificate always" }
            if name == "SSL_CERT_DIR" { return "\(name): the relay reads SSL_CERT_FILE and NODE_EXTRA_CA_CERTS" }
            if name == "ANTHROPIC_CUSTOM_HEADERS" {
                let header = value.prefix { $0 != ":" }.lowercased()
                if ["authorization", "x-api-key", "host"].contains(header) { return "\(name): the relay sets \(header) itself" }
            }
        }
        return nil
    }
}
