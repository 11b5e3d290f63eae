/// Bounds of one turn of the CLI, each with its unit in its name.
public struct CLILimits: Sendable, Equatable {
    /// The longest line accepted, 16 MiB.
    ///
    /// The longest true line is the `result`, which repeats the whole answer: 128,000 tokens of 8 bytes
    /// each make 1 MiB, six times that where every character is escaped.
    public static let defaultMaxLineBytes = 16 * 1024 * 1024

    /// From the first byte written to the end of the answer, in milliseconds.
    public var requestMilliseconds = 300_000
    /// The longest silence of the CLI, in seconds.
    ///
    /// A model that thinks prints its progress; what prints nothing for this long has lost its connection.
    public var stallSeconds = 120
    /// How long the registered MCP servers of a turn may take to start, in milliseconds.
    public var serverStartMilliseconds = 20_000
    /// How often the CLI may ask the vendor again before it reports the failure.
    public var maxRetries = 2
    /// How long all announced waits between retries may add up to, in milliseconds.
    ///
    /// Beyond it the failure is reported at once and the client decides: it knows how long it wants to wait.
    public var retryPatienceMilliseconds = 10_000
    /// What attempts before this one have spent of the limits above.
    var spent = TurnSpending()
    /// The longest line accepted from the CLI, in bytes.
    public var maxLineBytes = defaultMaxLineBytes
    /// How much of the CLI's error output is kept, in bytes.
    public var maxErrorOutputBytes = 4096
    /// Between SIGTERM and SIGKILL, in milliseconds.
    public var graceMilliseconds = 2_000
    /// How long a finished process is kept for its word on usage limits, in milliseconds.
    ///
    /// It comes a few milliseconds after the answer, unless the machine is busy.
    public var quotaMilliseconds = 200
    /// How long a process that has answered may take to be ready for another turn, in milliseconds.
    ///
    /// It takes some milliseconds, and more where the machine is busy; the client has its answer meanwhile.
    public var settleMilliseconds = 1_500
    /// How long `claude --version` may take, in milliseconds.
    public var versionMilliseconds = 20_000

    /// The defaults.
    public init() {}
}
