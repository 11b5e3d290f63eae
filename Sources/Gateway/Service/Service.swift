import ClaudeCLI
import Glibc
import Ledger
import Platform
import Relay
import Server
import TLS
import Vocabulary

/// The running service: starts loops and listeners, hears signals and the service manager, reloads, and ends.
///
/// Pinned to the first loop, which runs on the main thread.
actor Service {
    nonisolated let loop: EventLoop
    private let loader: SnapshotLoader
    let log: Log
    private let signals: Signals
    private let systemd: Systemd
    private let directories: TurnDirectories
    let ledger: Ledger
    /// Under which the digests of keys are made.
    private let pepper: [UInt8]
    private var workers: [Worker] = []
    /// Serves those who watch, to the end of the service.
    var watchWorker: Worker?
    /// Where it listens, as the kernel says.
    private var addresses = ""
    private(set) var site: Site?
    /// Where children ask in place of their vendor; nil where they ask it themselves.
    private var relay: RelayServer?
    /// What the current snapshot was made of.
    private(set) var loaded: SnapshotLoader.Loaded?
    private var isEnding = false
    /// Wishes for a reload that begins after them; those that come during one are for the next.
    private var reloadsWanted: [ReloadRequest] = []
    private var isReloading = false
    /// Why certificates that were replaced are not shown; nil where they are.
    private(set) var renewalFault: String?
    private var busyLoops = 0
    /// True while there may be processes between two turns.
    var isKeeping = true
    var tidyClock = TidyClock()
    /// Why it could not start; written on the loop, read after it has stopped.
    private(set) nonisolated(unsafe) var startFaults: ConfigurationFaults?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// Serves until a signal ends it; returns the process's exit status. Call on the main thread.
    static func run(_ loader: SnapshotLoader) -> Int32 {
        let systemd = Systemd()
        let hasSecureHeap = SecureHeap.begin()
        do throws(ConfigurationFaults) {
            let loaded = try loader.load()
            let log = Log(loaded.configuration.logging)
            let signals: Signals
            let loop: EventLoop
            do throws(SystemError) {
                // Before any thread is started, so that every one inherits the mask.
                signals = try Signals([SIGTERM, SIGINT, SIGHUP])
                loop = try EventLoop()
            } catch {
                log.error(error.description)
                return 71  // EX_OSERR
            }
            CurrentProcess.raiseOpenFiles()
            CurrentProcess.keepHeap()
            CurrentProcess.forbidDumps()
            if !hasSecureHeap { log.warning("the system locks no memory for private keys: see LimitMEMLOCK") }
            try StateDirectory.claim(loaded.configuration.stateDirectory)
            let directories = try SnapshotLoader.directories(of: loaded)
            let ledger = try SnapshotLoader.ledger(of: loaded)
            // For a start that fails; a service that has served has ended it by then.
            defer { ledger.close() }
            let pepper = try PepperFile.load(in: loaded.configuration.stateDirectory)
            let service = Service(
                loader, loop: loop, log: log, signals: signals, systemd: systemd, directories: directories,
                ledger: ledger, pepper: pepper)
            // Unstructured: the main thread is about to become the loop that runs it.
            Task(executorPreference: loop) { await service.serve(loaded) }
            loop.run()
            guard let faults = unsafe service.startFaults else { return 0 }
            for fault in faults.faults { log.error(fault.description) }
            for warning in faults.warnings { log.warning(warning) }
            FaultyStart.turnAway(systemd, because: faults)
            return 78  // EX_CONFIG
        } catch {
            Terminal.complain(error.description, journal: loader.environment["JOURNAL_STREAM"])
            FaultyStart.turnAway(systemd, because: error)
            return 78  // EX_CONFIG
        }
    }

    private init(
        _ loader: SnapshotLoader, loop: EventLoop, log: Log, signals: Signals, systemd: Systemd,
        directories: TurnDirectories, ledger: Ledger, pepper: [UInt8]
    ) {
        self.loader = loader
        self.loop = loop
        self.log = log
        self.signals = signals
        self.systemd = systemd
        self.directories = directories
        self.ledger = ledger
        self.pepper = pepper
    }

    private func restore(_ recorder: UsageRecorder, _ gateway: String) async throws(ConfigurationFaults) -> Meters {
        do throws(LedgerFault) { return try await meters(recording: recorder, as: gateway) } catch {
            throw ConfigurationFaults([ConfigurationFault("STATE_DIR", "the ledger cannot be read: \(error)")])
        }
    }

    /// Keeps what was loaded, but for the secrets of keys.
    private func remember(_ loaded: SnapshotLoader.Loaded) {
        self.loaded = loaded
        self.loaded?.keys = []
        renewalFault = nil
    }

    /// True when the files of the certificates were replaced, once for each time.
    func haveCertificatesSettled() -> Bool { !isReloading && !isEnding && loaded?.certificateFiles.hasSettled() == true }

    /// Takes certificates that are shown from now on.
    func take(_ certificates: [LoadedCertificate]) {
        loaded?.certificates = certificates
        renewalFault = nil
        showCertificates(certificates)
    }

    /// Notes why certificates that were replaced are not shown.
    func refuse(renewal fault: String) { renewalFault = fault }

    private func showCertificates(_ certificates: [LoadedCertificate]) {
        let now = WallClock.unixSeconds
        site?.certificates.show(
            certificates.map { CertificateBoard.Entry(file: $0.file, end: now + $0.identity.secondsUntilExpiry) })
        for note in certificates.compactMap(\.note) { log.info(note) }
    }

    private func serve(_ loaded: SnapshotLoader.Loaded) async {
        do throws(ConfigurationFaults) {
            if loaded.configuration.relaysCredentials { relay = try RelayDoor.open(on: loop, log: log) }
            let snapshot = try await SnapshotLoader.snapshot(
                of: loaded, directories: directories, relay: relay.map(RelayDoor.init), on: loop)
            let hash = KeySecretHash(pepper: pepper)
            let keys = KeyDirectory(loaded.keys, isRequired: loaded.configuration.keys.isRequired, hash: hash)
            try await loadStoredKeys(into: keys, loaded)
            let gateway = Base62.encode(hash.derived(for: KeyID(named: "gateway")), digits: 11)
            let recorder = UsageRecorder(ledger.usage, gateway: gateway)
            let meters = try await restore(recorder, gateway)
            let site = Site(snapshot, keys: keys, meters: meters, recorder: recorder, log: log, ledger: ledger, relay: relay?.events)
            self.site = site
            remember(loaded)
            tidyLedger()
            tell(loaded)
            snapshot.cli.selfTest.tell(log)
            try await open(site)
        } catch {
            unsafe startFaults = error
            loop.stop()
            return
        }
        systemd.ready(status: status)
        log.info("ready: \(status)")
        // Unstructured: signals are heard meanwhile.
        Task(executorPreference: loop) { await self.watchCLI() }
        // Unstructured: the same.
        Task(executorPreference: loop) { await self.answerControl(in: loaded.configuration.stateDirectory) }
        // Unstructured: processes wait beside the turns, for as long as the service lives.
        Task(executorPreference: loop) { await self.keepProcesses() }
        // Unstructured: the CLI takes its time to tell, and is asked again for as long as the service lives.
        Task(executorPreference: loop) { await self.watchLogin() }
        // Unstructured: renewals come at any time.
        Task(executorPreference: loop) { await self.watchCertificates() }
        await supervise()
    }

    /// Takes the keys of the ledger, before anybody can ask.
    private func loadStoredKeys(
        into keys: KeyDirectory, _ loaded: SnapshotLoader.Loaded
    ) async throws(ConfigurationFaults) {
        do throws(LedgerFault) {
            let stored = try await LedgerWait.ask(on: loop, waking: Wakeup()) { self.ledger.keys.all(then: $0) }
            keys.take(LedgerKey.all(stored))
            if !stored.isEmpty { log.info("\(stored.count) keys of the ledger") }
            for warning in loaded.warnings(of: stored) { log.warning(warning) }
        } catch {
            throw SnapshotLoader.fault(error, loaded)
        }
        try loaded.checkKeys(stored: keys.storedCount)
    }

    private func watchLogin() async {
        guard let site else { return }
        let watch = LoginWatch(site, on: loop)
        while !isEnding { note(.login, await watch.next()) }
    }

    private var status: String {
        guard let site else { return "starting" }
        let snapshot = site.snapshot
        let problems = site.problems.current.map { "; \($0.text)" }.joined()
        return "serving on \(addresses)\(isInherited) with the CLI \(snapshot.cli.version)\(problems)"
    }

    private var isInherited: String { systemd.inheritedSockets.isEmpty ? "" : " (inherited)" }

    /// Says what was read, and what of it needs the operator.
    private func tell(_ loaded: SnapshotLoader.Loaded) {
        for note in loaded.notes { log.info(note) }
        for warning in loaded.warnings { log.warning(warning) }
        note(.certificate, certificateProblems)
        showCertificates(loaded.certificates)
    }

    /// Takes what is wrong with one subject now: what is new goes to the log once, and STATUS and `/health` show it
    /// for as long as it lasts.
    func note(_ subject: Problem.Subject, _ texts: [String]) {
        guard let site else { return }
        let (begun, over) = site.problems.replace(subject, with: texts)
        for problem in begun { log.warning(problem.text) }
        // What has only become more urgent is not over.
        for problem in over where begun.isEmpty { log.info("no longer so: \(problem.text)") }
        if !begun.isEmpty || !over.isEmpty { showStatus() }
    }

    /// Tells the service manager how it goes.
    func showStatus() {
        if !isEnding { systemd.status(status) }
    }

    // MARK: - Listening

    /// Binds everything on every loop before anything is accepted: a port in use stops the start.
    private func open(_ site: Site) async throws(ConfigurationFaults) {
        let configuration = site.snapshot.configuration
        try checkInheritedSockets(configuration)
        do throws(SystemError) {
            var loops = [loop]
            for _ in 1..<configuration.loopCount { loops.append(try EventLoop()) }
            for (index, loop) in loops.enumerated() {
                let listeners = try listeners(for: index, configuration)
                if index == 0 { addresses = Self.places(of: listeners) }
                workers.append(Worker(on: loop, serving: site, listeners: listeners))
                if index > 0 { try loop.start() }
            }
        } catch {
            throw ConfigurationFaults([ConfigurationFault("LISTEN", error.description)])
        }
        try await openWatchDoor(of: site)
        for worker in workers { await worker.start() }
        log.info("listening on \(addresses)\(isInherited)\(configuration.isPlaintext ? ", plain HTTP" : "")")
    }

    /// Plain HTTP, weak keys and open access are allowed by what LISTEN says, so a socket that was handed to us must not
    /// reach further; and sockets that were meant for another process are no reason to bind others instead.
    private func checkInheritedSockets(_ configuration: Configuration) throws(ConfigurationFaults) {
        let sockets = systemd.inheritedSockets
        let environment = loader.environment
        if sockets.isEmpty, environment["LISTEN_FDS"] != nil, environment["LISTEN_PID"] != "\(getpid())" {
            throw ConfigurationFaults([ConfigurationFault("LISTEN_PID", "the sockets are another process's")])
        }
        for number in sockets {
            guard Systemd.isListeningSocket(number) else {
                throw ConfigurationFaults([
                    ConfigurationFault("LISTEN_FDS", "descriptor \(number) is no listening stream socket")
                ])
            }
            if configuration.isLocalOnly, !Listener.isLocal(number) {
                throw ConfigurationFaults([
                    ConfigurationFault(
                        "LISTEN", "the inherited socket \(number) reaches beyond this machine; LISTEN must say so")
                ])
            }
        }
    }

    private nonisolated static func places(of listeners: [Listener]) -> String {
        var places: [String] = []
        for listener in listeners { if let address = listener.address { places.append(address.description) } }
        return places.joined(separator: ", ")
    }

    private func listeners(
        for index: Int, _ configuration: Configuration
    ) throws(SystemError) -> sending [Listener] {
        var listeners: [Listener] = []
        if !systemd.inheritedSockets.isEmpty {
            for number in systemd.inheritedSockets {
                listeners.append(try Listener.sharing(number, isTCP: Systemd.isTCP(number)))
            }
            return listeners
        }
        for address in configuration.listeners {
            if case .unix = address, index > 0 { continue }
            listeners += try Listener.open(address, isFirst: index == 0)
        }
        return listeners
    }

    // MARK: - Living

    /// Hears signals, feeds the watchdog and looks after the certificates until the end.
    private func supervise() async {
        let wakeup = Wakeup()
        let readiness = Readiness(signals.number, on: loop, interest: .reading, waking: wakeup)
        let watchdog = Alarm(on: loop, waking: wakeup)
        let upkeep = Alarm(on: loop, waking: wakeup)
        var minutes = 0
        watchdog.deadline = systemd.watchdogInterval.map { loop.now + $0 }
        upkeep.deadline = loop.now + .seconds(60)
        while true {
            while let signal = signals.next() { await hear(signal) }
            readiness.readWouldBlock()
            if watchdog.isDue {
                systemd.keepAlive()
                watchdog.deadline = systemd.watchdogInterval.map { loop.now + $0 }
            }
            if upkeep.isDue {
                minutes += 1
                upkeep.deadline = loop.now + .seconds(60)
                maintain(minutes: minutes)
            }
            await wakeup.wait()
        }
    }

    private func maintain(minutes: Int) {
        site?.recorder?.retry()
        note(.certificate, certificateProblems)
        guard minutes % 60 == 0 else { return }
        tidyLedger()
        if minutes % (12 * 60) == 0 { site?.snapshot.tls?.rotateTicketKeys() }
        guard minutes % (24 * 60) == 0, let site else { return }
        for problem in site.problems.current { log.warning(problem.text) }
    }

    private func hear(_ signal: Int32) async {
        switch signal {
        case SIGHUP:
            // Several that wait are one.
            if reloadsWanted.isEmpty { want(ReloadRequest()) }
        default: await end(signal)
        }
    }

    /// Reloads and waits for the end; returns why nothing has changed, or nothing.
    func requestReload() async -> [ConfigurationFault] {
        let request = ReloadRequest()
        want(request)
        while request.faults == nil { await request.wakeup.wait() }
        return request.faults ?? []
    }

    private func want(_ request: ReloadRequest) {
        reloadsWanted.append(request)
        guard !isReloading else { return }
        isReloading = true
        // Unstructured: a CLI that is slow to tell its version must not keep the watchdog or a SIGTERM waiting.
        Task(executorPreference: loop) { await self.reloadAsWanted() }
    }

    private func reloadAsWanted() async {
        while !reloadsWanted.isEmpty {
            // Those that come from now on may have changed a file that has been read by then.
            let served = reloadsWanted
            reloadsWanted = []
            let faults = await reload()
            for request in served {
                request.faults = faults
                request.wakeup.signal()
            }
        }
        isReloading = false
    }

    /// Loads everything anew; with any fault the old state serves on, and the faults are returned.
    private func reload() async -> [ConfigurationFault] {
        let ending = [ConfigurationFault("reload", "the service is ending")]
        guard let site, !isEnding else { return ending }
        systemd.reloading()
        do throws(ConfigurationFaults) {
            let loaded = try loader.load(served: site.snapshot.configuration.cli.path)
            let (old, new) = (site.snapshot.configuration, loaded.configuration)
            guard old.listeners == new.listeners, old.isPlaintext == new.isPlaintext, old.loops == new.loops,
                old.stateDirectory == new.stateDirectory, old.metrics.listener == new.metrics.listener,
                old.relaysCredentials == new.relaysCredentials
            else {
                throw ConfigurationFaults([
                    ConfigurationFault(
                        "reload",
                        "LISTEN, PLAINTEXT, LOOPS, STATE_DIR, METRICS_LISTEN and CREDENTIAL_RELAY change only with a restart")
                ])
            }
            try loaded.checkKeys(stored: site.keys.storedCount)
            let snapshot = try await SnapshotLoader.snapshot(
                of: loaded, directories: directories, relay: relay.map(RelayDoor.init), on: loop, after: site.snapshot)
            guard !isEnding else { return ending }
            let isOtherCLI = old.cli.path != new.cli.path
            site.keys.configure(loaded.keys, isRequired: new.keys.isRequired)
            site.replace(snapshot)
            remember(loaded)
            log.change(new.logging)
            tell(loaded)
            if isOtherCLI { snapshot.cli.selfTest.tell(log) } else if new.cli.selfTest == .always { site.cliWatch.wantTrial() }
            log.info("reloaded")
            systemd.ready(status: status)
            return []
        } catch {
            for fault in error.faults { log.error("reload refused: \(fault.description)") }
            for warning in error.warnings { log.warning(warning) }
            systemd.ready(status: "reload refused, \(error.faults.first?.description ?? ""); \(status)")
            return error.faults
        }
    }

    // MARK: - Ending

    /// The first time: stops accepting and waits for what runs. The second time: ends at once.
    private func end(_ signal: Int32) async {
        guard !isEnding else {
            for worker in workers { await worker.endJobs() }
            return
        }
        isEnding = true
        site?.noteEnding()
        systemd.stopping(status: "finishing what runs")
        log.info("signal \(signal): finishing what runs")
        busyLoops = workers.count
        site?.processes.end()
        for worker in workers {
            // Unstructured: the worker calls back from its own loop, which knows of no task here.
            await worker.drain {
                Task(executorPreference: self.loop) { await self.workerIsEmpty() }
            }
        }
        // Unstructured: signals are heard while the limit runs.
        Task(executorPreference: loop) { await self.endTurnsAtLimit() }
    }

    private func endTurnsAtLimit() async {
        let wakeup = Wakeup()
        let limit = Alarm(on: loop, waking: wakeup)
        limit.deadline = loop.now + .seconds(site?.snapshot.configuration.drainSeconds ?? 0)
        while !limit.isDue { await wakeup.wait() }
        log.warning("the drain limit is reached: breaking off what still runs")
        for worker in workers { await worker.endJobs() }
    }

    private func workerIsEmpty() async {
        busyLoops -= 1
        await endIfEmpty()
    }

    /// Ends when nothing runs and nothing is kept any more.
    func endIfEmpty() async {
        guard isEnding, busyLoops == 0, !isKeeping else { return }
        await site?.end(on: loop)
        log.info("ended")
        loop.stop()
    }
}
