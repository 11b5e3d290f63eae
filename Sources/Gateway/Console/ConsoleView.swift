import ClaudeCLI
import Platform
import Vocabulary

/// What the console tells, as JSON: lists of what runs, of what is configured, and of what went wrong.
enum ConsoleView {
    /// `{"object":"list","data":[…]}`, with how to ask for more where there is more.
    static func list<Elements: Sequence>(
        _ elements: Elements, next: String? = nil, _ write: (Elements.Element, inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("object", literal: "list")
            json.key("data")
            json.beginArray()
            for element in elements { write(element, &json) }
            json.endArray()
            if let next { json.member("next", next) }
        }
        return json.bytes
    }

    /// Who asks, and what they may see.
    static func caller(_ principal: Principal) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("object", literal: "caller")
            json.member("name", principal.name)
            json.member("role", principal.options.role.rawValue)
            if let end = principal.options.expires { json.member("expires_at", Timestamp.rfc3339(end)) }
            json.member("version", Release.version)
        }
        return json.bytes
    }

    /// The turns that run and wait.
    static func turns(_ turns: [TurnEntry], now: Int) -> [UInt8] {
        list(turns) { turn, json in
            let content = turn.content
            json.object { json in
                json.member("id", turn.id)
                json.member("key", turn.key)
                json.member("dialect", turn.dialect)
                json.key("model")
                if let model = content.model { json.string(model) } else { json.null() }
                if let account = content.account { json.member("account", account) }
                json.member("state", turn.isCancelled ? "ending" : content.state.rawValue)
                json.member("since", Timestamp.rfc3339(turn.since))
                json.member("seconds", max(0, now - turn.since))
                json.member("input_tokens", content.usage.tokens.promptTokens)
                json.member("output_tokens", content.usage.tokens.outputTokens)
                json.member("is_estimated", content.usage.isEstimated)
                json.member("sent_bytes", content.bytes)
            }
        }
    }

    /// The logins of the CLI with what is known of their limits.
    static func accounts(_ snapshot: Snapshot, now: Int) -> [UInt8] {
        list(snapshot.accounts.all) { account, json in
            json.object { json in
                json.member("name", account.name)
                json.member("login", account.login.word.rawValue)
                json.member("is_usual", snapshot.accounts.usual.contains { $0 === account })
                let quota = QuotaAnswer.body(account.quota.state(now: now), overage: snapshot.configuration.turns.overage)
                json.member("quota", JSONFragment(validated: quota[...]))
            }
        }
    }

    /// How busy the service is, and its processes by what they do.
    static func processes(_ site: Site) -> [UInt8] {
        let (load, counts) = (site.processes.load, site.processes.counts)
        let (turns, limits) = (site.admission.load, site.snapshot.turnLimits)
        var json = JSONWriter()
        json.object { json in
            json.member("object", literal: "processes")
            json.key("now")
            json.object { json in
                json.member("serving", load.serving)
                json.member("idle", load.idle)
                json.member("waiting", load.waiting)
            }
            json.key("since_start")
            json.object { json in
                json.member("kept", counts.kept)
                json.member("rewound", counts.rewound)
                json.member("waiting", counts.waiting)
                json.member("fresh", counts.fresh)
                json.member("retired", counts.retired)
                json.member("died", counts.died)
            }
            json.key("turns")
            json.object { json in
                json.member("running", turns.running)
                json.member("waiting", turns.waiting)
                json.member("running_limit", limits.running)
                json.member("waiting_limit", limits.waiting)
            }
        }
        return json.bytes
    }

    /// The newest errors and warnings of the log.
    static func errors(_ entries: [RecentLines.Entry]) -> [UInt8] {
        list(entries) { entry, json in
            json.object { json in
                json.member("time", Timestamp.rfc3339(entry.second))
                json.member("level", entry.level.name)
                json.member("text", entry.text)
            }
        }
    }

    /// The settings in force; of secrets only that they are set.
    static func settings(_ configuration: Configuration) -> [UInt8] {
        list(Setting.all) { setting, json in
            let given = configuration.given[setting.name]
            json.object { json in
                json.member("name", setting.name)
                json.member("section", setting.section.rawValue)
                json.member("help", setting.help)
                json.key("value")
                if setting.reader.isSecret {
                    if given == nil { json.null() } else { json.string("hidden") }
                } else if let value = setting.reader.tell(configuration) ?? given?.text, !value.isEmpty {
                    json.string(value)
                } else {
                    json.null()
                }
                json.member("default", setting.fallback)
                json.key("given_in")
                if let given { json.string(given.place) } else { json.null() }
            }
        }
    }
}
