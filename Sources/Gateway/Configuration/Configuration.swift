public import Platform

/// Everything an operator can choose, as typed values; made by `load`.
///
/// The initial values are the defaults; the table of ``Setting`` rows takes its default column from them.
public struct Configuration: Sendable, Equatable {
    /// Where to listen; never empty.
    public var listeners: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 8443)]
    /// True when all listeners speak plain HTTP; then every one of them is local.
    public var isPlaintext = false
    /// Certificates and protocol version.
    public var tls = TLSSettings()
    /// Who may ask.
    public var keys = KeySettings()
    /// The CLI and what it is given.
    public var cli = CLISettings()
    /// Which model answers when the client leaves the choice open.
    public var models = ModelSettings()
    /// The registered MCP servers.
    public var mcp = MCPSettings()
    /// How many turns run and wait.
    public var turns = TurnSettings()
    /// What is logged, and where.
    public var logging = LogSettings()
    /// The bounds on what a peer may send, hold or delay.
    public var limits = Limits()
    /// A private directory that survives a restart; absolute.
    public var stateDirectory = ""
    /// Event loops; 0 means one per core.
    public var loops = 0
    /// How long running turns may go on after SIGTERM, in seconds.
    public var drainSeconds = 75
    /// How long a stream may be silent before a ping is sent, in seconds.
    public var pingSeconds = 15
    /// The value of `access-control-allow-origin`; nil sends none.
    public var corsOrigin: String? = "*"

    init() {}

    /// True when nobody beyond this machine can connect.
    public var isLocalOnly: Bool { listeners.allSatisfy(\.isLocal) }
}

/// Certificates and protocol version.
public struct TLSSettings: Sendable, Equatable {
    /// The protocol versions of RFC 5246 and RFC 8446.
    public enum Version: String, Sendable, CaseIterable { case tls12 = "1.2", tls13 = "1.3" }

    /// The oldest version accepted.
    public var minimumVersion = Version.tls12
    var certificateFiles: [String] = []
    var keyFiles: [String] = []

    /// Certificate chains with their keys; the first answers names that no other knows.
    public var certificates: [CertificatePair] {
        zip(certificateFiles, keyFiles).map { CertificatePair(certificateFile: $0, keyFile: $1) }
    }
}

/// A certificate chain and its private key, both PEM files.
public struct CertificatePair: Sendable, Equatable {
    /// The chain, leaf first.
    public var certificateFile: String
    /// The private key of the leaf.
    public var keyFile: String
}

/// Who may ask.
public struct KeySettings: Sendable, Equatable {
    /// Keys given by value, named `env-1`, `env-2`, ….
    public var inline: [APIKey] = []
    /// A file of `name:key` lines.
    public var file: String?
    /// False lets everybody ask; only ever false when nobody beyond this machine can connect.
    public var isRequired = true
    /// True when keys that can be guessed are taken, because nobody beyond this machine can try.
    public var allowsWeakKeys = false
}

/// The CLI and what it is given.
public struct CLISettings: Sendable, Equatable {
    /// The `claude` program; absolute.
    public var path = ""
    /// A file of `NAME=value` lines for every child.
    public var environmentFile: String?
    /// The operator's logged-in directory, used when `environmentFile` brings no credential; absolute.
    public var configDirectory = ""
    /// How long a turn may take, in milliseconds.
    public var requestTimeoutMilliseconds = 300_000
    /// How often the CLI may ask its vendor again after a failure.
    public var maxRetries = 2
    /// How long the CLI may print nothing during a turn, in seconds.
    public var stallTimeoutSeconds = 120
    /// When the CLI's self-test is run.
    public enum SelfTestMode: String, Sendable, CaseIterable { case auto, always, off }
    /// When the CLI's self-test is run; `auto` remembers its result for the same CLI.
    public var selfTest = SelfTestMode.auto
}

/// Which model answers, and how hard it thinks, when the client leaves it open.
public struct ModelSettings: Sendable, Equatable {
    /// The model of requests that name `default` or nothing.
    public var defaultModel: String?
    /// The effort of requests that name none: `low`, `medium`, `high`, `xhigh` or `max`.
    public var defaultEffort: String?
    /// True when the model may think although the request says nothing about thinking.
    public var enablesThinking = false
    /// Names of the operator's own.
    public var aliases: [ModelAlias] = []
}

/// A model name of the operator's own.
public struct ModelAlias: Sendable, Equatable {
    /// What clients write.
    public var name: String
    /// What the CLI is given.
    public var target: String

    /// An alias.
    public init(name: String, target: String) {
        self.name = name
        self.target = target
    }
}

/// The registered MCP servers, and what turns may do with them.
public struct MCPSettings: Sendable, Equatable {
    /// The file that defines them.
    public var file: String?
    /// Those that keys may switch on which say nothing of their own; `*` for all.
    public var allowedByDefault: [String] = []
    /// How often the model may call their tools in one turn.
    public var maxRounds = 20
    /// How long they may take to start, in milliseconds.
    public var startTimeoutMilliseconds = 20_000
}

/// How many turns run and wait.
public struct TurnSettings: Sendable, Equatable {
    /// Turns that run at once; each is a process of 100 to 200 MiB.
    public var maxRunning = 0
    /// Turns that wait for one to end; more are refused.
    public var maxWaiting = 0
    /// How long a turn waits, in seconds.
    public var waitSeconds = 30
}

/// What is logged, and where.
public struct LogSettings: Sendable, Equatable {
    /// Where log lines go.
    public enum Target: String, Sendable, CaseIterable { case auto, stderr, journal }

    /// The least important level that is written.
    public var level = LogLevel.info
    /// Where lines go.
    public var target = Target.auto
    /// systemd's `JOURNAL_STREAM`, which says whether standard error is the journal.
    public var journalStream: String?
}

/// The bounds on what a peer may send, hold or delay.
public struct Limits: Sendable, Equatable {
    /// From accept to the end of the TLS handshake.
    public var tlsHandshakeSeconds = 10
    /// For a whole request head, from its first byte; on a new connection from the handshake.
    public var requestHeadSeconds = 10
    /// Between two reads of a body.
    public var bodyIdleSeconds = 15
    /// The slowest a body may come on average, once `bodyMinRateAfterSeconds` are over.
    public var bodyMinBytesPerSecond = 1024
    /// When the minimum rate begins to count.
    public var bodyMinRateAfterSeconds = 10
    /// For a whole body.
    public var bodyTotalSeconds = 120
    /// An HTTP/1.1 connection without a request.
    public var keepAliveSeconds = 60
    /// An HTTP/2 connection without a stream; pings do not extend it.
    public var http2IdleSeconds = 60
    /// A full output buffer that the client does not read.
    public var writeStallSeconds = 30

    /// The request line.
    public var maxRequestLineBytes = 8 << 10
    /// One header line.
    public var maxHeaderBytes = 8 << 10
    /// A whole head; for HTTP/2 the decoded header list (RFC 9113 §6.5.2).
    public var maxHeadBytes = 32 << 10
    /// Header lines of one head.
    public var maxHeaders = 100
    /// A request body.
    public var maxBodyBytes = 32 << 20
    /// The extensions of one chunk.
    public var maxChunkExtensionBytes = 256
    /// The extensions of all chunks of a body.
    public var maxChunkExtensionsBytes = 4 << 10
    /// A trailer section.
    public var maxTrailerBytes = 8 << 10
    /// How deep JSON may nest.
    public var maxJSONDepth = 64
    /// Values and keys in one JSON body.
    public var maxJSONValues = 100_000

    /// Streams of one HTTP/2 connection at once.
    public var http2MaxStreams = 32
    /// The receive window of a stream.
    public var http2StreamWindowBytes = 64 << 10
    /// The receive window of a connection.
    public var http2ConnectionWindowBytes = 1 << 20
    /// Streams reset, by the client or for its faults, in ten seconds.
    public var http2MaxResets = 100
    /// Control frames in ten seconds without useful work.
    public var http2MaxControlFrames = 200

    /// Connections in all.
    public var maxConnections = 4096
    /// Connections of one IPv4 address or IPv6 /64.
    public var maxConnectionsPerAddress = 64
    /// Of those, the ones that have shown no valid key yet.
    public var maxUnauthenticatedPerAddress = 16
}
