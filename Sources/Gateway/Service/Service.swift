import ClaudeCLI
import Egress
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
    let loader: SnapshotLoader
    let log: Log
    private let signals: Signals
    let systemd: Systemd
    let inheritance: Inheritance
    /// The open file that has the lock of the state directory.
    let stateLock: Int32
    let directories: TurnDirectories
    let ledger: Ledger
    /// Under which the digests of keys are made.
    private let pepper: [UInt8]
    var workers: [Worker] = []
    /// The sockets that this service has bound, as a successor or the service manager is given them.
    private(set) var keptSockets: [HandedDescriptor] = []
    /// Does what administrators ask.
    var desk: AdminDesk?
    let reloads = Turnstile()
    /// Where administrators ask.
    var administration: AdminSocket?
    /// The process before this one, as long as it ends its turns.
    var predecessor: HandoverLink?
    /// The process after this one, as long as this one ends its turns.
    var successor: HandoverLink?
    var isHandingOver = false
    var hasHandedOver = false
    /// True when a successor was told to end while this process still has turns.
    var isDrainLimited = false
    /// When turns are broken off; nil as long as the service does not end.
    var drainLimit: Instant?
    /// Woken when it has changed.
    let drainWakeup = Wakeup()
    /// Serves those who watch, to the end of the service.
    var watchWorker: Worker?
    /// Where it listens, as the kernel says.
    private(set) var addresses = ""
    private(set) var site: Site?
    /// Where children ask in place of their vendor; nil where they ask it themselves.
    private var relay: RelayServer?
    /// The way of runs into the internet; nil as long as no workspace has any.
    private var egress: EgressProxy?
    /// What the current snapshot was made of.
    private(set) var loaded: SnapshotLoader.Loaded?
    var isEnding = false
    /// Wishes for a reload that begins after them; those that come during one are for the next.
    private var reloadsWanted: [ReloadRequest] = []
    var isReloading = false
    /// Why certificates that were replaced are not shown; nil where they are.
    private(set) var renewalFault: String?
    var busyLoops = 0
    /// True while there may be processes between two turns.
    var isKeeping = true
    var tidyClock = TidyClock()
    /// Why it could not start; written on the loop, read after it has stopped.
    private(set) nonisolated(unsafe) var startFaults: ConfigurationFaults?

    /// What the service manager has told this process.
    var environment: [String: String] { loader.environment }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    /// Serves until a signal ends it; returns the process's exit status. Call on the main thread.
    static func run(_ loader: SnapshotLoader) -> Int32 {
        let missing = InheritedSockets.fault(loader.environment)
        let systemd = Systemd()
        let inheritance = Inheritance(systemd.inherited)
        let hasSecureHeap = SecureHeap.begin()
        do throws(ConfigurationFaults) {
            if let fault = missing ?? inheritance.fault { throw ConfigurationFaults([fault]) }
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
            _ = CurrentProcess.program
            CurrentProcess.forbidDumps()
            // Before the first child, and when new threads leave signals to the loop.
            ControlGroups.claim()
            if !hasSecureHeap { log.warning("the system locks no memory for private keys: see LimitMEMLOCK") }
            let isSuccessor = inheritance.link != nil
            let lock = try StateDirectory.claim(loaded.configuration.stateDirectory, handed: inheritance.lock)
            let directories = try SnapshotLoader.directories(of: loaded, isSuccessor: isSuccessor)
            let ledger = try SnapshotLoader.ledger(of: loaded, isShared: isSuccessor)
            // For a start that fails; a service that has served has ended it by then.
            defer { ledger.close() }
            let pepper = try PepperFile.load(in: loaded.configuration.stateDirectory)
            let service = Service(
                loader, loop: loop, log: log, signals: signals, systemd: systemd, inheritance: inheritance, lock: lock,
                directories: directories, ledger: ledger, pepper: pepper)
            // Unstructured: the main thread is about to become the loop that runs it.
            Task(executorPreference: loop) { await service.serve(loaded) }
            loop.run()
            // What turns leave behind is emptied behind the end of their groups.
            ControlGroups.current?.settle(milliseconds: 2000)
            guard let faults = unsafe service.startFaults else { return 0 }
            for fault in faults.faults { log.error(fault.description) }
            for warning in faults.warnings { log.warning(warning) }
            fail(because: faults, systemd, inheritance)
            return 78  // EX_CONFIG
        } catch {
            Terminal.complain(error.description, journal: loader.environment["JOURNAL_STREAM"])
            fail(because: error, systemd, inheritance)
            return 78  // EX_CONFIG
        }
    }

    /// Tells whoever waits that this process cannot serve.
    private static func fail(because faults: ConfigurationFaults, _ systemd: Systemd, _ inheritance: Inheritance) {
        guard let link = inheritance.link else { return FaultyStart.turnAway(systemd, because: faults) }
        // The process before this one serves on.
        HandoverLink.say(.refused, faults.faults.map(\.description), on: FileDescriptor(adopting: link))
    }

    private init(
        _ loader: SnapshotLoader, loop: EventLoop, log: Log, signals: Signals, systemd: Systemd, inheritance: Inheritance,
        lock: Int32, directories: TurnDirectories, ledger: Ledger, pepper: [UInt8]
    ) {
        self.loader = loader
        self.loop = loop
        self.log = log
        self.signals = signals
        self.systemd = systemd
        self.inheritance = inheritance
        stateLock = lock
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
        // Unstructured: the manager's clock runs while the CLI is tried.
        let patience = Task(executorPreference: loop) { await self.askForPatience() }
        do throws(ConfigurationFaults) {
            if loaded.configuration.relaysCredentials { relay = try RelayDoor.open(on: loop, log: log) }
            if loaded.workspaces.needsNetwork { egress = try EgressDoor.open(on: loop) }
            let snapshot = try await SnapshotLoader.snapshot(
                of: loaded, directories: directories, relay: relay.map(RelayDoor.init), egress: egress, on: loop)
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
            openDesk()
            try await open(site)
        } catch {
            unsafe startFaults = error
            loop.stop()
            return
        }
        if predecessor != nil {
            // Unstructured: it ends when its turns do.
            Task(executorPreference: loop) { await self.attendPredecessor() }
        }
        patience.cancel()
        systemd.ready(status: status)
        systemd.keepAlive()
        log.tell(.ready, "ready: \(status)")
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
        // Unstructured: a disk fills up, and is mended, at any time.
        Task(executorPreference: loop) { await self.watchStorage() }
        // Unstructured: memory is short at any time.
        Task(executorPreference: loop) { await self.watchMemory() }
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
        let former = predecessor == nil ? "" : "; the former process ends its turns"
        let problems = site.problems.current.map { "; \($0.text)" }.joined()
        return "serving on \(addresses)\(isInherited) with the CLI \(snapshot.cli.version)\(former)\(problems)"
    }

    private var isInherited: String { inheritance.serving.isEmpty ? "" : " (inherited)" }

    /// Says what was read, and what of it needs the operator.
    private func tell(_ loaded: SnapshotLoader.Loaded) {
        for note in loaded.notes + [ControlGroupState.current.note] { log.info(note) }
        for warning in loaded.warnings { log.warning(warning) }
        note(.certificate, certificateProblems)
        showCertificates(loaded.certificates)
    }

    /// Takes what is wrong with one subject now: what is new goes to the log once, and STATUS and `/health` show it
    /// for as long as it lasts.
    func note(_ subject: Problem.Subject, _ texts: [String]) {
        guard let site else { return }
        let (begun, over) = site.problems.replace(subject, with: texts)
        for problem in begun { log.tell(.problem, problem.text, at: .warning, about: subject.rawValue) }
        // What has only become more urgent is not over.
        for problem in over where begun.isEmpty { log.tell(.problemOver, "no longer so: \(problem.text)", about: subject.rawValue) }
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
                if inheritance.serving.isEmpty { keptSockets += Inheritance.keeping(listeners) }
                workers.append(Worker(on: loop, serving: site, listeners: listeners))
                if index > 0 { try loop.start() }
            }
        } catch {
            throw ConfigurationFaults([ConfigurationFault("LISTEN", error.description)])
        }
        let door = try makeWatchDoor(of: site)
        if let link = inheritance.link { try await takeOver(over: link) }
        keepSockets()
        await openWatchDoor(door)
        for worker in workers { await worker.start() }
        log.info("listening on \(addresses)\(isInherited)\(configuration.isPlaintext ? ", plain HTTP" : "")")
    }

    /// Waits until the process before this one lets go.
    private func takeOver(over number: Int32) async throws(ConfigurationFaults) {
        let link = HandoverLink(FileDescriptor(adopting: number), on: loop)
        link.say(.ready)
        guard case (.go, _)? = await link.next(before: loop.now + .seconds(10)) else {
            throw ConfigurationFaults([ConfigurationFault("upgrade", "the former process does not let go")])
        }
        predecessor = link
    }

    /// Leaves with the service manager what this service has bound, so that what connects while it starts anew waits; and
    /// gives up what no setting names any more.
    private func keepSockets() {
        let names = Set(keptSockets.map(\.name))
        for each in inheritance.kept {
            close(each.number)
            if !names.contains(each.name) { systemd.forget(each.name) }
        }
        for each in keptSockets { systemd.store(each) }
    }

    /// Notes a socket that is not a loop's, so that it is kept as well.
    func keep(_ sockets: [HandedDescriptor]) { keptSockets += sockets }

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
        let ending = [ConfigurationFault("reload", isHandingOver ? "the service is being upgraded" : "the service is ending")]
        guard let site, !isEnding, !isHandingOver else { return ending }
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
            if loaded.workspaces.needsNetwork, egress == nil { egress = try EgressDoor.open(on: loop) }
            let snapshot = try await SnapshotLoader.snapshot(
                of: loaded, directories: directories, relay: relay.map(RelayDoor.init), egress: egress, on: loop,
                after: site.snapshot)
            guard !isEnding else { return ending }
            let isOtherCLI = old.cli.path != new.cli.path
            site.keys.configure(loaded.keys, isRequired: new.keys.isRequired)
            site.replace(snapshot)
            remember(loaded)
            log.change(new.logging)
            tell(loaded)
            if isOtherCLI { snapshot.cli.selfTest.tell(log) } else if new.cli.selfTest == .always { site.cliWatch.wantTrial() }
            log.tell(.reloaded, "reloaded")
            systemd.ready(status: status)
            return []
        } catch {
            for fault in error.faults { log.tell(.reloadRefused, "reload refused: \(fault.description)", at: .error) }
            for warning in error.warnings { log.warning(warning) }
            systemd.ready(status: "reload refused, \(error.faults.first?.description ?? ""); \(status)")
            return error.faults
        }
    }
}
