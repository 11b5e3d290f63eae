import Glibc
public import Platform

/// How the CLI is started: the same arguments for every turn, and an environment made from nothing.
///
/// Nothing of a request is in either: both can be read by other processes of the machine.
public struct LaunchProfile: Sendable {
    /// The CLI's program file.
    public var path: String
    /// What the operator gives every child, as `NAME=value`: credential, base URL, proxies.
    public var operatorEnvironment: [String]
    /// The directory of the operator's own login, used where they bring no credential.
    public var loginDirectory: String
    /// What the operator is to do about the login; all copies share it.
    public let remedy = LoginRemedy()
    /// How long the vendor keeps what the CLI has it cache.
    public let cacheLifetime: CacheLifetime
    /// The most descriptors a child may open.
    public var maxOpenFiles = 1024

    /// True when turns may have registered MCP servers.
    public var hasServers = false
    /// Which walls stand round its processes; nil for none.
    public var walls: WallPolicy?
    /// How its own tools work; nil where it has none, as for all but agents.
    public var agent: AgentLaunch?
    /// What turns are given in place of the operator's credentials; nil where they are given those.
    public var standIn: StandInLogin?
    /// What each of its processes may take, with all that it starts.
    public var bounds = GroupBounds()

    /// A profile of the CLI at `path`; a `CLAUDE_CONFIG_DIR` in the environment is the login directory.
    public init(path: String, operatorEnvironment: [String], loginDirectory: String) {
        self.path = path
        self.operatorEnvironment = operatorEnvironment
        let prefix = "CLAUDE_CONFIG_DIR="
        let chosen = operatorEnvironment.last { $0.hasPrefix(prefix) }
        let directory = chosen.map { String($0.dropFirst(prefix.count)) } ?? loginDirectory
        self.loginDirectory = directory
        cacheLifetime = CacheLifetime(
            operatorEnvironment: operatorEnvironment,
            isSubscription: Self.isSubscription(operatorEnvironment, directory))
    }

    /// True where the CLI will ask with a subscription's token: an API key given to it would win.
    private static func isSubscription(_ environment: [String], _ directory: String) -> Bool {
        let given = credentials.filter { name in environment.contains { $0.hasPrefix(name + "=") } }
        guard !given.isEmpty else { return unsafe access(directory + "/.credentials.json", F_OK) == 0 }
        return given.allSatisfy { $0.hasPrefix("CLAUDE_CODE_OAUTH_") }
    }

    /// The arguments; `--allowedTools` names the servers of the client's tools.
    public static let arguments =
        common + ["--tools", "", "--permission-mode", "dontAsk", "--allowedTools", "mcp__c,mcp__c2"]

    private static let common = [
        "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
        "--include-partial-messages", "--setting-sources", "", "--strict-mcp-config", "--no-session-persistence",
        "--disable-slash-commands",
    ]

    /// The arguments of an agent: its tools and no others, and each call is asked about on standard input.
    static func arguments(for agent: AgentRun) -> [String] {
        common + [
            "--tools", agent.toolNames.joined(separator: ","), "--permission-mode", "default", "--permission-prompt-tool",
            "stdio",
        ]
    }

    /// True when the operator's environment brings a login, so that children need none of their own.
    public var bringsCredential: Bool {
        operatorEnvironment.contains { pair in Self.credentials.contains { pair.hasPrefix($0 + "=") } }
    }

    /// The variables by which a login may come.
    public static let credentials = [
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_REFRESH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    ]

    /// The betas that the operator has the CLI ask for, as they stand in its variable.
    public var betas: String { value(of: "ANTHROPIC_BETAS") ?? "" }

    /// What turns are given of them, but for the token that takes the credentials' place.
    private var givenEnvironment: [String] { standIn?.variables(instead: operatorEnvironment) ?? operatorEnvironment }

    private func value(of name: String) -> String? {
        operatorEnvironment.last { Self.name(of: $0) == name }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }

    /// The whole environment of a child whose private directories are `directories`, and which asks the model
    /// `messages` times in its turn at the most.
    func environment(in directories: TurnDirectory, limits: CLILimits, messages: Int = 1) -> [String] {
        let configuration = bringsCredential ? directories.configuration : loginDirectory
        let fixed =
            [
                "HOME=\(directories.path)", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC",
                "SHELL=/bin/sh", "TMPDIR=\(directories.temporary)",
                "CLAUDE_CODE_TMPDIR=\(directories.temporary)",
                "CLAUDE_CONFIG_DIR=\(configuration)", "CLAUDE_CODE_MAX_RETRIES=\(limits.maxRetries)",
                Self.bound(messages: messages),
            ] + Self.switches + cacheLifetime.assignments + (hasServers ? Self.serverSwitches(limits) : [])
        // The private directories and the locks are not the operator's to change by accident.
        let names = Set(fixed.map(Self.name))
        return fixed + givenEnvironment.filter { !names.contains(Self.name(of: $0)) }
    }

    /// The plan by which a child is started that asks the model `messages` times at the most.
    func plan(
        in directories: TurnDirectory, limits: CLILimits, messages: Int = 1, token: (any StandInLogin.Token)? = nil,
        way: (any AgentWay)? = nil
    ) -> SpawnPlan {
        var plan = SpawnPlan(
            path: path, arguments: ["claude"] + Self.arguments, workingDirectory: directories.working)
        plan.environment = environment(in: directories, limits: limits, messages: messages)
        if let token, let standIn { plan.environment += standIn.assignments(token) }
        plan.maxOpenFiles = maxOpenFiles
        plan.bounds = bounds
        let login = bringsCredential ? nil : loginDirectory
        if let agent {
            agent.complete(&plan, in: directories, within: walls, login: login, given: givenEnvironment, by: way)
        } else {
            plan.walls = walls?.walls(running: path, in: directories, login: login, variables: givenEnvironment)
        }
        return plan
    }

    /// Everything that is fixed about how the CLI is started, one item a line: what a self-test is good for.
    public static var fixedParts: String {
        (arguments + switches + [bound(messages: 1)]).joined(separator: "\n")
    }

    /// After so many messages the CLI answers no call of a tool and asks no more, whoever looks. Read at the start
    /// alone, and of no effect on a text that was cut off: there the process must be killed in time.
    private static func bound(messages: Int) -> String { "CLAUDE_CODE_MAX_TURNS=\(messages)" }

    private static func serverSwitches(_ limits: CLILimits) -> [String] {
        [
            "MCP_TIMEOUT=\(limits.serverStartMilliseconds)",
            // All at once: else the fourth server begins to start when one of the first three has.
            "MCP_SERVER_CONNECTION_BATCH_SIZE=64",
            // A large result is cut, and the model told so; else it would be put into a file and the model told
            // the path. From 50,000 characters on the CLI does that in any case: this is just below.
            "ENABLE_MCP_LARGE_OUTPUT_FILES=false", "MAX_MCP_OUTPUT_TOKENS=12000",
        ]
    }

    private static func name(of pair: String) -> Substring { pair.prefix { $0 != "=" } }

    private static let switches = [
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
        "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS=1",
        // Else a placeholder tool appears as soon as there is any tool.
        "ENABLE_TOOL_SEARCH=false",
        "CLAUDE_AGENT_SDK_MCP_NO_PREFIX=1",
        "CLAUDE_CODE_MAX_MCP_DESCRIPTION_LENGTH=1000000",
        // No hidden compaction, and the vendor decides whether a prompt is too long.
        "DISABLE_AUTO_COMPACT=1",
        "CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE=100000000",
        // A broken stream is an error, not a second, silent request.
        "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK=1",
        "CLAUDE_CODE_DISABLE_REFUSAL_RETRY=1",
        "CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK=1",
        "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP=1",
        // The second lock against `@path` in a prompt; the first is `client_composed`.
        "CLAUDE_CODE_DISABLE_FILE_MENTIONS=1",
        // Else the CLI puts texts of its own into long conversations: of a model that says nothing, of lists of tasks
        // that are not used.
        "CLAUDE_CODE_SILENT_TURN_REMINDER=0", "CLAUDE_CODE_TODO_REMINDER_MODE=off", "CLAUDE_CODE_DISABLE_ATTACHMENTS=1",
        // Else a tool of the client's named Agent has the CLI tell the model of agents of its own.
        "CLAUDE_AGENT_SDK_DISABLE_BUILTIN_AGENTS=1",
        // The runtime's collector looks at the heap each second by default: a third of the CPU of a start, and as much
        // again behind each turn as the turn. It still collects what fills the heap.
        "BUN_GC_TIMER_INTERVAL=60000",
        // Off unless a request asks for it, which the extra body then says.
        "CLAUDE_CODE_DISABLE_THINKING=1",
    ]
}

extension LaunchProfile {
    /// What settles whose limits are met: the credentials, or the directory of the login, and the base URL.
    public var account: [String] {
        let names = Self.credentials + ["ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"]
        let settled = operatorEnvironment.filter { pair in names.contains { pair.hasPrefix($0 + "=") } }
        return bringsCredential ? settled : settled + [loginDirectory]
    }
}
