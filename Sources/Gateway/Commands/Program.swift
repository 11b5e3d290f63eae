import ClaudeCLI
import Glibc
import Platform

/// The program: one subcommand, then an exit status.
public enum Program {
    /// Runs the subcommand that the arguments ask for; returns the exit status (sysexits(3)).
    public static func run(arguments: [String], environment: [String: String]) -> Int32 {
        let command: Command
        do throws(ConfigurationFault) {
            command = try Command(arguments)
        } catch {
            Terminal.complain(error.description)
            return 64  // EX_USAGE
        }
        switch command {
        case .serve(let options): return Service.run(SnapshotLoader(options: options, environment: environment))
        case .check(let options): return check(SnapshotLoader(options: options, environment: environment))
        case .reload(let options):
            return ReloadCommand.run(SnapshotLoader(options: options, environment: environment))
        case .upgrade(let options):
            return ReloadCommand.run(SnapshotLoader(options: options, environment: environment), .upgrade)
        case .key(let command): return command.run(SnapshotLoader(options: command.options, environment: environment))
        case .audit(let command): return command.run(SnapshotLoader(options: command.options, environment: environment))
        case .report(let arguments): return UsageCommand.run(arguments, environment: environment)
        case .collection(let command): return command.run()
        case .newKey(let name): return newKey(name)
        case .help(let form):
            Terminal.say(form.content)
            return 0
        case .keyHelp(let asMarkdown):
            Terminal.say(asMarkdown ? KeyOption.referenceMarkdown() : KeyOption.helpText())
            return 0
        case .usage(let subcommand):
            Terminal.say("usage: \(subcommand.usage)")
            if subcommand == .usage { Terminal.say(UsageCommand.help) }
            return 0
        case .nothing:
            Terminal.tell("\(Subcommand.usages)\n\n'portcullis help' tells all options.")
            return 64  // EX_USAGE
        case .version:
            Terminal.say("portcullis \(Release.version)")
            return 0
        }
    }

    private static func newKey(_ name: String) -> Int32 {
        guard let key = APIKey.generate(name: name) else {
            Terminal.complain("the system gives no random bytes")
            return 71  // EX_OSERR
        }
        Terminal.say("\(key.name):\(key.secret)")
        return 0
    }

    /// Validates everything and runs the CLI for its version.
    private static func check(_ loader: SnapshotLoader) -> Int32 {
        // A CLI that ends early must not end the check with it.
        signal(SIGPIPE, SIG_IGN)
        do throws(ConfigurationFaults) {
            try becomeServiceUser(loader)
            let loaded = try loader.load()
            let ledger = try SnapshotLoader.ledgerNotes(of: loaded)
            let loop: EventLoop
            do throws(SystemError) { loop = try EventLoop() } catch {
                Terminal.complain(error.description)
                return 71  // EX_OSERR
            }
            let checker = Checker(loop)
            // Unstructured: the loop that runs it is about to start on this thread.
            Task(executorPreference: loop) { await checker.ask(loaded) }
            loop.run()
            let (version, selfTest, logins) = try unsafe checker.result.get()
            let addresses = loaded.configuration.listeners.map(\.description).joined(separator: ", ")
            Terminal.say("to listen on \(addresses)\(loaded.configuration.isPlaintext ? ", plain HTTP" : "")")
            for note in loaded.notes + [ControlGroupState.current.note] { Terminal.say(note) }
            let problems = loaded.certificates.compactMap(\.problem) + logins.compactMap { Account.tell($0.state, of: $0.account) }
            for warning in loaded.warnings + ledger.warnings + problems { Terminal.complain("warning: \(warning)") }
            for note in ledger.notes { Terminal.say(note) }
            let state = loaded.configuration.stateDirectory
            if StateDirectory.isInUse(state) {
                Terminal.say("\(state) is in use by a running service: all is checked, but a second one cannot start")
            }
            Terminal.say("claude is version \(version)")
            for line in selfTest.lines { Terminal.say(line) }
            guard selfTest.turnFault == nil else {
                Terminal.complain(
                    selfTest.isFinal
                        ? "SELF_TEST: this CLI must not serve: it lacks what no answer can do without"
                        : "SELF_TEST: no time was left to show what no answer can do without; check again when less runs")
                return 78  // EX_CONFIG
            }
            Terminal.say("configuration OK")
            return 0
        } catch {
            Terminal.complain(error.description)
            return 78  // EX_CONFIG
        }
    }

    /// Root may read everything, the service's user may not: so what root checks is checked as the owner of the state
    /// directory, where there is one.
    private static func becomeServiceUser(_ loader: SnapshotLoader) throws(ConfigurationFaults) {
        let configuration = try loader.configuration()
        do throws(SystemError) {
            let state = configuration.stateDirectory
            if try CurrentProcess.becomeOwner(of: state) { Terminal.say("checked as the owner of \(state)") }
        } catch {
            throw ConfigurationFaults([ConfigurationFault("STATE_DIR", error.description)])
        }
    }
}

/// Runs the part of a check that needs a loop.
private actor Checker {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    /// Written on the loop, read after it has stopped.
    private(set) nonisolated(unsafe) var result: Result<
        (String, SelfTestReport, [(account: String, state: LoginState)]), ConfigurationFaults
    > = .failure(ConfigurationFaults([]))

    init(_ loop: EventLoop) { self.loop = loop }

    func ask(_ loaded: SnapshotLoader.Loaded) async {
        do throws(ConfigurationFaults) {
            let version = try await SnapshotLoader.version(of: loaded, on: loop)
            var insistent = loaded
            // Whoever asks wants the CLI tried now; what comes of it is remembered for the next start.
            if insistent.configuration.cli.selfTest == .auto { insistent.configuration.cli.selfTest = .always }
            let selfTest = await SnapshotLoader.selfTest(of: insistent, version: version, on: loop)
            let logins = await SnapshotLoader.logins(of: loaded, version: version, on: loop)
            unsafe result = .success((version, selfTest, logins))
        } catch {
            unsafe result = .failure(error)
        }
        loop.stop()
    }
}
