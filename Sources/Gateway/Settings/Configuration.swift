import Platform
import Vocabulary

/// Everything an operator can choose, as typed values; made by `load`.
///
/// The initial values are the defaults; the table of ``Setting`` rows takes its default column from them.
struct Configuration: Sendable, Equatable {
    /// Where to listen; never empty.
    var listeners: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 8443)]
    /// True when all listeners speak plain HTTP; then every one of them is local.
    var isPlaintext = false
    /// Certificates and protocol version.
    var tls = TLSSettings()
    /// Which proxies in front say who asks.
    var proxies = ProxySettings()
    /// Who may ask.
    var keys = KeySettings()
    /// The CLI and what it is given.
    var cli = CLISettings()
    /// What the CLI and all that it starts are kept from.
    var sandbox = SandboxSettings()
    /// True where the CLI's credentials stay in the gateway.
    var relaysCredentials = false
    /// More logins of the CLI, and which of them keys use.
    var accounts = AccountSettings()
    /// Which model answers when the client leaves the choice open.
    var models = ModelSettings()
    /// The registered MCP servers.
    var mcp = MCPSettings()
    /// Where the CLI's own tools may work.
    var workspaces = WorkspaceSettings()
    /// How many turns run and wait.
    var turns = TurnSettings()
    /// Which CLI processes outlive their turn, and which wait for one.
    var processes = ProcessSettings()
    /// Which responses survive, and for how long.
    var responses = ResponseSettings()
    /// Which conversations survive, and for how long.
    var conversations = ConversationSettings()
    /// What is logged, and where.
    var logging = LogSettings()
    /// What is told to those who watch the service.
    var metrics = MetricsSettings()
    /// How long usage is kept.
    var usage = UsageSettings()
    /// The bounds on what a peer may send, hold or delay.
    var limits = Limits()
    /// A private directory that survives a restart; absolute.
    var stateDirectory = ""
    /// A private directory in memory, where the service manager gives one; absolute.
    var runtimeDirectory: String?
    /// Event loops; 0 means one per core.
    var loops = 0
    /// How long running turns may go on after SIGTERM, in seconds.
    var drainSeconds = 75
    /// How long a stream may be silent before a ping is sent, in seconds.
    var pingSeconds = 15
    /// Whose web pages may ask.
    var cors = CORSPolicy.everybody
    /// The names that clients may call the service by.
    var hosts = HostPolicy()
    /// True when there is a web page to use and administer the service with.
    var servesConsole = false
    /// Which settings were given, as they were written, by their names.
    var given: [String: GivenSetting] = [:]
    /// What the operator should be warned of, though it stops nothing: one line each, without secrets.
    var warnings: [String] = []

    /// True when nobody beyond this machine can connect.
    var isLocalOnly: Bool { listeners.allSatisfy(\.isLocal) }
}

/// Certificates and protocol version.
struct TLSSettings: Sendable, Equatable {
    /// The protocol versions of RFC 5246 and RFC 8446.
    enum Version: String, Sendable, CaseIterable { case tls12 = "1.2", tls13 = "1.3" }

    /// The oldest version accepted.
    var minimumVersion = Version.tls12
    var certificateFiles: [String] = []
    var keyFiles: [String] = []
    /// An OCSP response for each certificate, `none` for one without; empty for none at all.
    var ocspFiles: [String] = []
    /// The authorities whose certificates clients are asked for.
    var clientAuthorityFile: String?
    /// How long browsers are to come over TLS alone, in seconds; 0 to say nothing of it.
    var strictTransportSeconds = 31_536_000

    /// Every file that the TLS of a service is made of.
    var files: [String] {
        certificateFiles + keyFiles + ocspFiles.filter { $0 != Self.noFile } + (clientAuthorityFile.map { [$0] } ?? [])
    }

    /// In the place of a file that there is none of.
    static let noFile = "none"

    /// Certificate chains with their keys; the first answers names that no other knows.
    var certificates: [CertificatePair] {
        zip(certificateFiles, keyFiles).map { CertificatePair(certificateFile: $0, keyFile: $1) }
    }
}

/// A certificate chain and its private key, both PEM files.
struct CertificatePair: Sendable, Equatable {
    /// The chain, leaf first.
    var certificateFile: String
    /// The private key of the leaf.
    var keyFile: String
}

/// Which proxies in front say who asks, and how.
struct ProxySettings: Sendable, Equatable {
    /// Whether connections begin with a header of the PROXY protocol.
    enum Header: String, Sendable, CaseIterable { case off, v2 }

    /// Those whose word counts.
    var trusted: [AddressRange] = []
    /// Whether their connections begin with a header.
    var header = Header.off
}

/// The CLI and what it is given.
struct CLISettings: Sendable, Equatable {
    /// The `claude` program; absolute.
    var path = ""
    /// A file of `NAME=value` lines for every child.
    var environmentFile: String?
    /// The operator's logged-in directory, used when `environmentFile` brings no credential; absolute.
    var configDirectory = ""
    /// How long a turn may take, in milliseconds.
    var requestTimeoutMilliseconds = 300_000
    /// How often the CLI may ask its vendor again after a failure.
    var maxRetries = 2
    /// How long the CLI may print nothing during a turn, in seconds.
    var stallTimeoutSeconds = 120
    /// When the CLI's self-test is run.
    enum SelfTestMode: String, Sendable, CaseIterable { case auto, always, off }
    /// When the CLI's self-test is run; `auto` remembers its result for the same CLI.
    var selfTest = SelfTestMode.auto
}

/// How many turns run and wait.
struct TurnSettings: Sendable, Equatable {
    /// Turns that run at once; each is a process of 100 to 200 MiB.
    var maxRunning = 0
    /// Turns that wait for one to end; more are refused.
    var maxWaiting = 0
    /// How long a turn waits, in seconds.
    var waitSeconds = 30
    /// What is kept of each of the account's windows for keys that may use it, in hundredths.
    var reservePercent = 0
    /// Whether turns may use what the account pays for beyond its limits.
    var overage = OveragePolicy.allow
}

/// Which responses survive, and for how long.
struct ResponseSettings: Sendable, Equatable {
    /// False when none is stored.
    var isStoring = true
    /// How long one can be found and continued, in days.
    var keepDays = 30
    /// All of them together.
    var maxBytes = 1 << 30
}

/// How long usage is kept.
struct UsageSettings: Sendable, Equatable {
    /// In days; older ones are forgotten.
    var keepDays = 400
}

/// Which conversations survive, and for how long.
struct ConversationSettings: Sendable, Equatable {
    /// False when none is kept.
    var isKeeping = true
    /// How long one is kept that nobody goes on with, in days.
    var keepDays = 30
    /// All of them together.
    var maxBytes = 1 << 30
    /// Those of one key.
    var maxBytesPerKey = 256 << 20
}

/// The bounds on what a peer may send, hold or delay.
struct Limits: Sendable, Equatable {
    /// From accept to the end of the TLS handshake.
    var tlsHandshakeSeconds = 10
    /// For a whole request head, from its first byte; on a new connection from the handshake.
    var requestHeadSeconds = 10
    /// Between two reads of a body.
    var bodyIdleSeconds = 15
    /// The slowest a body may come on average, once `bodyMinRateAfterSeconds` are over.
    var bodyMinBytesPerSecond = 1024
    /// When the minimum rate begins to count.
    var bodyMinRateAfterSeconds = 10
    /// For a whole body.
    var bodyTotalSeconds = 120
    /// An HTTP/1.1 connection without a request.
    var keepAliveSeconds = 60
    /// An HTTP/2 connection without a stream; pings do not extend it.
    var http2IdleSeconds = 60
    /// A full output buffer that the client does not read.
    var writeStallSeconds = 30

    /// The request line.
    var maxRequestLineBytes = 8 << 10
    /// One header line.
    var maxHeaderBytes = 8 << 10
    /// A whole head; for HTTP/2 the decoded header list (RFC 9113 §6.5.2).
    var maxHeadBytes = 32 << 10
    /// Header lines of one head.
    var maxHeaders = 100
    /// A request body.
    var maxBodyBytes = 32 << 20
    /// The extensions of one chunk.
    var maxChunkExtensionBytes = 256
    /// The extensions of all chunks of a body.
    var maxChunkExtensionsBytes = 4 << 10
    /// A trailer section.
    var maxTrailerBytes = 8 << 10
    /// How deep JSON may nest.
    var maxJSONDepth = 64
    /// Values and keys in one JSON body.
    var maxJSONValues = 100_000

    /// Streams of one HTTP/2 connection at once.
    var http2MaxStreams = 32
    /// The receive window of a stream.
    var http2StreamWindowBytes = 64 << 10
    /// The receive window of a connection.
    var http2ConnectionWindowBytes = 1 << 20
    /// Streams reset, by the client or for its faults, in ten seconds.
    var http2MaxResets = 100
    /// Control frames in ten seconds without useful work.
    var http2MaxControlFrames = 200

    /// Connections in all.
    var maxConnections = 4096
    /// Connections of one IPv4 address or IPv6 /64.
    var maxConnectionsPerAddress = 64
    /// Of those, the ones that have shown no valid key yet.
    var maxUnauthenticatedPerAddress = 16
    /// Wrong keys of one IPv4 address or IPv6 /48 in a row; 0 for any number.
    var failedKeysPerAddress = 10
}
