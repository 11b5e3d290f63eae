extension Setting {
    /// Every setting there is, in the order of the reference.
    static let all: [Setting] =
        general + listening + authentication + cli + models + mcp + workspaces + turns + processes + responses + conversations
        + usage + logging + time + size + http2 + connections

    /// The row that a name, an alias, a foreign name, or one of them behind `PORTCULLIS_` belongs to.
    static func named(_ name: String) -> Setting? {
        all.first { $0.known.contains(name) }
            ?? all.first { $0.known.contains { prefixed($0) == name } }
    }

    private static let general: [Setting] = [
        Setting(
            "PORTCULLIS_CONFIG", .general, .deferred("FILE") { (_) throws(ValueProblem) in },
            "A file of `NAME=value` lines with any of these settings; flags and environment win over it.",
            fallback: "none", flag: "--config"),
        Setting(
            "STATE_DIR", .general, .path("DIRECTORY", \.stateDirectory),
            "A private directory for what must survive a restart; made when missing.",
            fallback: "$STATE_DIRECTORY; /var/lib/portcullis for root; else ~/.local/state/portcullis"),
        Setting(
            "LOOPS", .general, .whole(0...256, "threads", \.loops),
            "Event loops, each on its own thread; 0 is one per core."),
        Setting(
            "DRAIN_SECONDS", .general, .whole(0...3600, "seconds", \.drainSeconds),
            "How long running answers may go on after SIGTERM."),
        Setting(
            "PING_SECONDS", .general, .whole(1...600, "seconds", \.pingSeconds),
            "How long a stream may be silent before a ping or comment is sent."),
        Setting(
            "CORS_ORIGIN", .general, .origins,
            "The origins whose web pages may ask, those of apps as `app://obsidian.md` too; `*` is any, `none` turns "
                + "CORS off.",
            fallback: "`*`; `none` with REQUIRE_AUTH=false"),
        Setting(
            "CONSOLE", .general, .boolean(\.servesConsole),
            "Serve a web page at `/console`: a chat to try the service with, one's own usage and, for keys with "
                + "`role=admin`, its administration."),
    ]

    private static let listening: [Setting] = [
        Setting(
            "LISTEN", .listening, .listeners,
            "Where to listen; repeatable. A name is looked up at the start, and all its addresses are listened on; "
                + "`localhost` is 127.0.0.1."),
        Setting(
            "HOST", .listening, .deferred("ADDRESS", check: Checks.host),
            "With `PORT` a second way to write one `LISTEN` address.", fallback: "127.0.0.1",
            shared: Checks.literalHost),
        Setting(
            "PORT", .listening, .deferred("0..65535", check: Checks.port),
            "With `HOST` a second way to write one `LISTEN` address.", fallback: "8443",
            shared: Checks.port),
        Setting(
            "PLAINTEXT", .listening, .boolean(\.isPlaintext),
            "Speak plain HTTP on every listener; only on loopback and Unix sockets."),
        Setting(
            "TLS_CERTIFICATE", .listening, .paths("PEM-FILE", \.tls.certificateFiles),
            "The certificate chain, leaf first; repeatable, chosen by the name the client asks for (SNI).",
            fallback: "none"),
        Setting(
            "TLS_KEY", .listening, .paths("PEM-FILE", \.tls.keyFiles),
            "The private key of each `TLS_CERTIFICATE`, in the same order.", fallback: "none"),
        Setting(
            "TLS_OCSP", .listening, .paths("DER-FILE", \.tls.ocspFiles),
            "The OCSP response that is stapled to each `TLS_CERTIFICATE`, in the same order; `none` for one without.",
            fallback: "none"),
        Setting(
            "CLIENT_CA", .listening, .optionalPath("PEM-FILE", \.tls.clientAuthorityFile),
            "Authorities whose certificates clients are asked for; keys with `cert-sha256` or `cert-san` need one.",
            fallback: "none"),
        Setting(
            "HSTS_SECONDS", .listening, .whole(0...126_144_000, "seconds", \.tls.strictTransportSeconds),
            "How long browsers are told to come to this host over TLS alone; 0 says nothing of it.",
            fallback: "a year; 0 where only this machine can connect"),
        Setting(
            "TLS_MIN_VERSION", .listening, .choice(\.tls.minimumVersion), "The oldest TLS version accepted."),
        Setting(
            "TRUSTED_PROXIES", .listening, .addressRanges(\.proxies.trusted),
            "Proxies in front whose word on the client's address counts: that of `x-forwarded-for`, or of "
                + "`PROXY_PROTOCOL`; `unix` is whoever comes over a Unix socket.", fallback: "none"),
        Setting(
            "PROXY_PROTOCOL", .listening, .choice(\.proxies.header),
            "With `v2` each connection of a trusted proxy must begin with a header of the PROXY protocol, before TLS."),
        Setting(
            "ALLOWED_HOSTS", .listening, .hosts,
            "The names that clients may call the service by, without a port; `*.example.com` is any name below it. "
                + "Others get 421.", fallback: "any"),
    ]

    private static let authentication: [Setting] = [
        Setting(
            "PROXY_API_KEYS", .keys, .inlineKeys,
            "Keys that may ask; separated by commas. Has no flag: command lines can be read by others.",
            fallback: "none", aliases: ["PROXY_API_KEY"]),
        Setting(
            "API_KEYS_FILE", .keys, .optionalPath("FILE", \.keys.file),
            "A file of `name:key` lines, mode 0600; `portcullis new-key NAME` prints one.", fallback: "none"),
        Setting(
            "REQUIRE_AUTH", .keys, .boolean(\.keys.isRequired),
            "False lets everybody ask; only on loopback and Unix sockets."),
    ]

    private static let cli: [Setting] = [
        Setting(
            "CLAUDE_PATH", .cli, .path("PROGRAM", \.cli.path), "The `claude` program.",
            fallback: "claude on PATH"),
        Setting(
            "CLI_ENV_FILE", .cli, .optionalPath("FILE", \.cli.environmentFile),
            "`NAME=value` lines given to every child: credential, `ANTHROPIC_BASE_URL`, proxies. "
                + "Nothing else of the environment reaches it.", fallback: "none"),
        Setting(
            "CLAUDE_CONFIG_DIR", .cli, .path("DIRECTORY", \.cli.configDirectory),
            "The logged-in directory of `claude`, used when `CLI_ENV_FILE` brings no credential.",
            fallback: "~/.claude"),
        Setting(
            "ACCOUNTS", .cli, .accounts,
            "More logins for the CLI by names of your own: a logged-in directory, or a file of `NAME=value` lines with a "
                + "credential or `CLAUDE_CONFIG_DIR`, mode 0600. A key names the one it uses by `account=`.",
            fallback: "none"),
        Setting(
            "DEFAULT_ACCOUNT", .cli, .accountNames,
            "The accounts of keys that name none: the next one when a limit of the one before is reached. `default` is "
                + "the login of `CLI_ENV_FILE` and `CLAUDE_CONFIG_DIR`."),
        Setting(
            "REQUEST_TIMEOUT_MS", .cli, .whole(100...86_400_000, "ms", \.cli.requestTimeoutMilliseconds),
            "How long one answer may take."),
        Setting(
            "CLI_STALL_TIMEOUT_SECONDS", .cli, .whole(1...86_400, "seconds", \.cli.stallTimeoutSeconds),
            "How long the CLI may print nothing during an answer."),
        Setting(
            "CLAUDE_CODE_MAX_RETRIES", .cli, .whole(0...10, "retries", \.cli.maxRetries),
            "How often the CLI asks its vendor again after a failure."),
        Setting(
            "SELF_TEST", .cli, .choice(\.cli.selfTest),
            "Whether the CLI is tried before it serves: `auto` does so once for each CLI, `always` at each "
                + "start and reload."),
        Setting(
            "SANDBOX", .cli, .choice(\.sandbox.mode),
            "Walls round every child: `require` starts nothing without those before files and system calls, `prefer` "
                + "builds what the kernel can, `off` builds none."),
        Setting(
            "SANDBOX_PATHS", .cli, .paths("PATH", \.sandbox.paths),
            "What children may also read, write and run, as far as their user may: for programs of MCP servers.",
            fallback: "none"),
        Setting(
            "CREDENTIAL_RELAY", .cli, .boolean(\.relaysCredentials),
            "Whether children are given a token in place of `ANTHROPIC_API_KEY` or `ANTHROPIC_AUTH_TOKEN`, which the gateway "
                + "adds to their requests, and reach nothing else."),
    ]

    private static let models: [Setting] = [
        Setting(
            "DEFAULT_MODEL", .models, .text("MODEL", \.models.defaultModel, check: Checks.model),
            "The model of requests that name none or ask for `default`; listed first.", fallback: "none"),
        Setting(
            "DEFAULT_EFFORT", .models, .effort,
            "The effort of requests that name none.", fallback: "the model's own"),
        Setting(
            "ENABLE_THINKING", .models, .boolean(\.models.enablesThinking),
            "Let the model think when a request says nothing about it; otherwise it must ask."),
        Setting(
            "MODEL_ALIASES", .models, .aliases,
            "Names of your own, as `gpt-4o=sonnet,fast=haiku`.", fallback: "none"),
    ]

    private static let turns: [Setting] = [
        Setting(
            "MAX_TURNS", .turns, .whole(1...4096, "turns", \.turns.maxRunning),
            "Answers that run at once; each is a process of 100 to 200 MiB.",
            fallback: "16 per core, at most three quarters of the memory at 200 MiB each",
            foreign: [ForeignName("WORKER_CONCURRENCY")]),
        Setting(
            "MAX_WAITING_TURNS", .turns, .whole(0...65_536, "turns", \.turns.maxWaiting),
            "Requests that wait for one of them to end; more are refused.", fallback: "twice MAX_TURNS",
            foreign: [ForeignName("MAX_QUEUE_SIZE")]),
        Setting(
            "TURN_WAIT_SECONDS", .turns, .whole(0...3600, "seconds", \.turns.waitSeconds),
            "How long a request waits."),
        Setting(
            "RESERVE", .turns, .percent(0...90, \.turns.reservePercent),
            "What is kept of each of the account's windows for keys with `reserve=yes`."),
        Setting(
            "OVERAGE", .turns, .choice(\.turns.overage),
            "Whether requests go on when the account's limit is reached and further usage is paid for; "
                + "`refuse` answers them with 429."),
    ]

    private static let logging: [Setting] = [
        Setting(
            "LOG_LEVEL", .logging, .logLevel,
            "The least important lines written; other words for them, as `warn`, are understood.",
            shared: Checks.logLevel),
        Setting(
            "LOG_TARGET", .logging, .choice(\.logging.target),
            "The form of lines on standard error: `journal` leaves the time to the journal; "
                + "`auto` finds out."),
        Setting(
            "LOG_CLIENT_IDS", .logging, .boolean(\.logging.tellsClientIDs),
            "Log the ids that clients send of their sessions, chats and users, which may name persons."),
    ]
}
