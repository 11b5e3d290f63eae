/// What users of other wrappers of the CLI have in their environments, files and scripts.
///
/// The names mean here what they mean there, or are refused with what to write instead: where the meaning would be
/// unsafe, where it is not one, and where there is no such thing here. The table feeds parser, warnings and
/// `deploy/docs/from-other-wrappers.md`.
enum OtherWrappers {
    /// A name that is understood.
    struct Taken: Sendable {
        /// The setting that it stands for.
        let setting: String
        let name: Setting.ForeignName
        /// How its values differ from the setting's own; empty where they do not.
        let note: String

        init(_ name: String, as setting: String, _ reader: Setting.Reader? = nil, _ note: String = "") {
            self.setting = setting
            self.name = Setting.ForeignName(name, reader)
            self.note = note
        }
    }

    /// A name that is not.
    struct Refused: Sendable {
        let name: String
        /// What to write instead, or why there is nothing to write.
        let advice: String
        /// True when programs of all kinds set such a variable, so that a bare one in the environment says nothing.
        let isCommon: Bool

        init(_ name: String, _ advice: String, isCommon: Bool = false) {
            self.name = name
            self.advice = advice
            self.isCommon = isCommon
        }
    }

    /// A flag that is understood beside those of the settings.
    struct Flag: Sendable {
        let flag: String
        let setting: String
        /// What it says by itself; nil where a value follows it.
        let value: String?
    }

    /// The flags; `-h`, `-v` and `-V` belong to every command.
    static let flags = [
        Flag(flag: "-p", setting: "PORT", value: nil),
        Flag(flag: "-H", setting: "HOST", value: nil),
        Flag(flag: "-m", setting: "DEFAULT_MODEL", value: nil),
        Flag(flag: "--model", setting: "DEFAULT_MODEL", value: nil),
        Flag(flag: "-d", setting: "LOG_LEVEL", value: "debug"),
        Flag(flag: "--debug", setting: "LOG_LEVEL", value: "debug"),
    ]

    /// The names that are understood.
    static let taken: [Taken] = [
        Taken("CLAUDE_PROXY_PORT", as: "PORT"),
        Taken("CLAUDE_PROXY_HOST", as: "HOST"),
        Taken("CLAUDE_WRAPPER_HOST", as: "HOST"),
        Taken("CLAUDE_PROXY_API_KEY", as: "PROXY_API_KEYS", .singleKey, "one key, commas and all"),
        Taken("CORS_ORIGINS", as: "CORS_ORIGIN", .originsAsJSON, "a JSON array too, as `[\"*\"]`"),
        Taken("CLAUDE_CLI_PATH", as: "CLAUDE_PATH"),
        Taken("CLAUDE_MODEL", as: "DEFAULT_MODEL"),
        Taken("CLAUDE_PROXY_TIMEOUT_MS", as: "REQUEST_TIMEOUT_MS"),
        Taken("CLAUDE_PROXY_MAX_DURATION_MS", as: "REQUEST_TIMEOUT_MS"),
        Taken(
            "CLAUDE_PROXY_STALL_TIMEOUT_MS", as: "CLI_STALL_TIMEOUT_SECONDS",
            .milliseconds(seconds: 1...86_400, \.cli.stallTimeoutSeconds), "milliseconds, rounded up to seconds"),
        Taken("CLAUDE_PROXY_MAX_CONCURRENT", as: "MAX_TURNS"),
        Taken("MAX_CONCURRENT_PROCESSES", as: "MAX_TURNS"),
        Taken(
            "CLAUDE_PROXY_QUEUE_TIMEOUT_MS", as: "TURN_WAIT_SECONDS",
            .milliseconds(seconds: 0...3600, \.turns.waitSeconds), "milliseconds, rounded up to seconds"),
        Taken("MAX_REQUEST_SIZE", as: "MAX_BODY_BYTES"),
        Taken("SSE_KEEPALIVE_INTERVAL", as: "PING_SECONDS"),
        Taken("CLAUDE_PROXY_LOG_LEVEL", as: "LOG_LEVEL"),
        Taken("CLAUDE_PROXY_DEBUG", as: "LOG_LEVEL", .debugSwitch, "`1` is `debug`; `0` says nothing"),
        Taken("OPENCODE_CLAUDE_PROVIDER_DEBUG", as: "LOG_LEVEL", .debugSwitch, "`1` is `debug`; `0` says nothing"),
    ]

    /// The names that are refused.
    static let refused: [Refused] =
        [
            Refused("API_KEY", "Write PROXY_API_KEYS, or make a key with 'portcullis key add NAME'.", isCommon: true),
            Refused("API_KEYS", "Write PROXY_API_KEYS, or make keys with 'portcullis key add NAME'.", isCommon: true),
            Refused("VERBOSE", "Write LOG_LEVEL=debug.", isCommon: true),
            Refused("DEBUG_MODE", "Write LOG_LEVEL=debug.", isCommon: true),
            Refused("RUST_LOG", "Write LOG_LEVEL.", isCommon: true),
            Refused("MAX_TIMEOUT", "It was seconds here and milliseconds there; write REQUEST_TIMEOUT_MS."),
            Refused("CLAUDE_AUTH_METHOD", "The login is what CLI_ENV_FILE or CLAUDE_CONFIG_DIR holds."),
            Refused("CLAUDE_CWD", "Where the CLI's own tools are to work, write WORKSPACE_DIR."),
            Refused("FAST_MODEL", "Write MODEL_ALIASES=fast=MODEL."),
            Refused("CLAUDE_MODELS_OVERRIDE", "A key's option models=MODEL,… says which it is shown and may use."),
            Refused("CLAUDE_PROXY_MAX_OUTPUT_CHARS", "A request's max_tokens bounds its answer."),
            Refused("CLAUDE_PROXY_LOG_DIR", "Lines go to standard error; under systemd the journal keeps them."),
            Refused("CHAT_MODE", "The CLI's own tools are on only where there are WORKSPACES."),
            Refused("CHAT_MODE_CLEANUP_SESSIONS", "No session of the CLI stays; see CONVERSATION_KEEP_DAYS."),
            Refused("CHAT_MODE_CLEANUP_DELAY_MINUTES", "No session of the CLI stays; see CONVERSATION_KEEP_DAYS."),
            Refused("SHOW_PROGRESS_MARKERS", "Answers are streamed as they are written, and kept alive by PING_SECONDS."),
            Refused("PREWARM_PROMPT", "WARM_PROCESSES starts processes in advance, without a question."),
        ]
        + ["CACHE_TTL", "ERROR_TTL", "REQUEST_TIMEOUT"].map {
            Refused("MODEL_LIST_\($0)_SECONDS", "The list of models is fetched from nowhere.")
        }
        + ["ENABLED", "PER_MINUTE"].map { Refused("RATE_LIMIT_\($0)", rateAdvice) }
        + ["CHAT", "DEBUG", "AUTH", "SESSION", "HEALTH"].map { Refused("RATE_LIMIT_\($0)_PER_MINUTE", rateAdvice) }

    private static let rateAdvice = "Limits belong to keys: 'portcullis key set NAME requests-per-minute=30'."

    /// The names by which a setting is understood.
    static func names(of setting: String) -> [Setting.ForeignName] { namesBySetting[setting] ?? [] }

    /// What to do instead of writing a name, with or without our prefix.
    static func refusal(of name: String) -> Refused? {
        refusedByName[name.hasPrefix(Setting.prefix) ? String(name.dropFirst(Setting.prefix.utf8.count)) : name]
    }

    private static let namesBySetting = Dictionary(grouping: taken, by: \.setting).mapValues { $0.map(\.name) }
    private static let refusedByName = Dictionary(uniqueKeysWithValues: refused.map { ($0.name, $0) })
}

extension OtherWrappers {
    /// The tables of `deploy/docs/from-other-wrappers.md`.
    static var markdown: String {
        var text = "| Flag | Is |\n|---|---|\n"
        for flag in flags {
            let own = Setting.named(flag.setting)?.flag ?? flag.setting
            text += Configuration.markdownRow(["`\(flag.flag)`", "`\(own) \(flag.value ?? "VALUE")`"])
        }
        text += Configuration.markdownRow(["`-v`, `-V`", "`portcullis version`"])
        text += Configuration.markdownRow(["`-h`", "`portcullis help`"])
        text += "\n| Name | Is | |\n|---|---|---|\n"
        for setting in Setting.all {
            for name in setting.foreign {
                text += Configuration.markdownRow(["`\(name.name)`", "`\(setting.name)`", ""])
            }
            for row in taken where row.setting == setting.name {
                text += Configuration.markdownRow(["`\(row.name.name)`", "`\(setting.name)`", row.note])
            }
        }
        text += "\n| Name | Instead |\n|---|---|\n"
        for row in refused { text += Configuration.markdownRow(["`\(row.name)`", row.advice]) }
        return text
    }
}
