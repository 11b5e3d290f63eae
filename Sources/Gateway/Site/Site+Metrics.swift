import ClaudeCLI
import Platform
import Relay
import Server

/// What is measured when somebody asks, beside what is counted as it happens.
extension Site {
    /// All metrics.
    func metricsText(_ form: MetricsText.Form) -> [UInt8] {
        var text = MetricsText(form)
        metrics.write(to: &text)
        writeLoad(&text)
        writeProcesses(&text)
        writeAccount(&text)
        writeCLI(&text)
        writeService(&text)
        text.finish()
        return text.bytes
    }

    private func writeLoad(_ text: inout MetricsText) {
        let load = admission.load
        let limits = snapshot.turnLimits
        text.begin("portcullis_turns_running", .gauge, "Turns that run.")
        text.sample([], load.running)
        text.begin("portcullis_turns_waiting", .gauge, "Turns that wait for one of them to end.")
        text.sample([], load.waiting)
        text.begin("portcullis_turns_running_limit", .gauge, "Turns that may run at once.")
        text.sample([], limits.running)
        text.begin("portcullis_turns_waiting_limit", .gauge, "Turns that may wait.")
        text.sample([], limits.waiting)
        text.connections(events.counts)
    }

    private func writeProcesses(_ text: inout MetricsText) {
        let load = processes.load
        text.begin("portcullis_cli_processes", .gauge, "Processes of the CLI by what they do: serve a turn, wait to go on with a conversation, or wait for a first question.")
        for (state, count) in [("serving", load.serving), ("idle", load.idle), ("waiting", load.waiting)] {
            text.sample([("state", state)], count)
        }
        let counts = processes.counts
        text.begin("portcullis_cli_processes_ended_total", .counter, "Processes between two turns that ended: let go, or by themselves.")
        text.sample([("cause", "retired")], counts.retired)
        text.sample([("cause", "died")], counts.died)
    }

    private func writeAccount(_ text: inout MetricsText) {
        let now = WallClock.unixSeconds
        let snapshot = snapshot
        let accounts = snapshot.accounts.watched.map { (name: $0.name, login: $0.login.word, state: $0.quota.state(now: now)) }
        let windows = accounts.flatMap { account in
            account.state.windows.filter { !$0.name.isEmpty }.map { window -> ([(StaticString, String)], Quota.Window) in
                ([("account", account.name), ("window", window.name)], window)
            }
        }
        text.begin("portcullis_account_known", .gauge, "1 where the CLI has told of an account's limits.")
        for account in accounts { text.sample([("account", account.name)], account.state.isKnown ? 1 : 0) }
        text.begin("portcullis_account_window_used_ratio", .gauge, "How far a window of an account's limits is used, 1 for all of it.")
        for (labels, window) in windows {
            if let used = window.usedFraction { text.sample(labels, used) }
        }
        text.begin("portcullis_account_window_reset_timestamp_seconds", .gauge, "When a window of an account's limits begins anew, in Unix seconds.")
        for (labels, window) in windows {
            if let reset = window.resetsAt { text.sample(labels, reset) }
        }
        text.begin("portcullis_account_refusing", .gauge, "How many of an account's limits turns are refused for.")
        for account in accounts {
            let refused = account.state.rejections.filter { !$0.isPaid || snapshot.configuration.turns.overage == .refuse }
            text.sample([("account", account.name)], refused.count)
        }
        text.begin("portcullis_login_state", .gauge, "1 for the state of an account's login.")
        for account in accounts {
            text.states("state", LoginState.Word.allCases.map(\.rawValue), current: account.login.rawValue, of: [("account", account.name)])
        }
    }

    private func writeCLI(_ text: inout MetricsText) {
        let cli = snapshot.cli
        text.begin("portcullis_cli_info", .gauge, "The version of the CLI that was tried; always 1.")
        text.sample([("version", cli.version)], 1)
        text.begin("portcullis_cli_self_test", .gauge, "1 for the verdict of the CLI's self-test.")
        text.states("verdict", ["passed", "degraded", "untested", "off"], current: cli.selfTest.word)
        text.begin("portcullis_cli_usable", .gauge, "1 while turns may be run on the CLI.")
        text.sample([], cli.selfTest.turnFault == nil && !problems.current.contains { $0.subject == .cli } ? 1 : 0)
        let sandbox = SandboxState(snapshot.configuration.sandbox)
        text.begin("portcullis_sandbox", .gauge, "1 for how far the walls round children stand.")
        text.states("state", SandboxState.Word.allCases.map(\.rawValue), current: sandbox.word.rawValue)
        text.begin("portcullis_sandbox_landlock_abi", .gauge, "The version of Landlock that is in force for children; 0 for none.")
        text.sample([], sandbox.landlock)
        text.begin("portcullis_control_groups", .gauge, "1 for what the control groups of children bound: memory and tasks, less, or nothing.")
        text.states("state", ControlGroupState.Word.allCases.map(\.rawValue), current: ControlGroupState.current.word.rawValue)
        guard let relay else { return }
        text.begin("portcullis_relay_requests_total", .counter, "Requests of children that hold no credential, by what became of them.")
        text.sample([("outcome", "forwarded")], relay.count(.forwarded))
        text.sample([("outcome", "refused")], relay.count(.refused))
        text.sample([("outcome", "unreachable")], relay.count(.unreachable))
        text.sample([("outcome", "cut")], relay.count(.cut))
    }

    private func writeService(_ text: inout MetricsText) {
        text.begin("portcullis_build_info", .gauge, "The version of the gateway; always 1.")
        text.sample([("version", Release.version)], 1)
        text.begin("portcullis_uptime_seconds", .gauge, "How long the gateway has run.")
        text.sample([], Double(Instant.now.microseconds(since: started)) / 1_000_000)
        text.begin("portcullis_certificate_expiry_timestamp_seconds", .gauge, "When a certificate ends that is shown to clients, in Unix seconds.")
        for certificate in certificates.current { text.sample([("file", certificate.file)], certificate.end) }
        text.begin("portcullis_problems", .gauge, "What needs the operator, by what it is about.")
        let current = problems.current
        for subject in Problem.Subject.allCases {
            text.sample([("about", subject.rawValue)], current.count { $0.subject == subject })
        }
        text.begin("portcullis_log_lines_dropped_total", .counter, "Log lines that were lost because nobody read them in time.")
        text.sample([], log.droppedLines)
        text.begin("portcullis_usage_unwritten", .gauge, "1 while what keys use cannot be written to the disk.")
        text.sample([], recorder?.fault == nil ? 0 : 1)
        text.begin("process_cpu_seconds_total", .counter, "Processor time of the gateway itself.")
        text.sample([], CurrentProcess.processorSeconds)
        text.begin("portcullis_cli_cpu_seconds_total", .counter, "Processor time of the CLI's processes that have ended.")
        text.sample([], CurrentProcess.childrenProcessorSeconds)
        if let bytes = CurrentProcess.residentBytes {
            text.begin("process_resident_memory_bytes", .gauge, "Memory of the gateway itself.")
            text.sample([], bytes)
        }
    }
}
