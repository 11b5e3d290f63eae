import ClaudeCLI
import Ledger
import Platform
import Relay
import Server
import Synchronization
import TLS

/// What all loops share for as long as the service lives, and what must have an end when it does. Everything in it may
/// be used from any thread.
final class Site: Sendable {
    let log: Log
    let limiter: ConnectionLimiter
    /// What happens to connections, for whoever shows numbers.
    let events = ServerEvents()
    let admission: Admission
    /// Who may ask.
    let keys: KeyDirectory
    /// Where wrong keys come from.
    let failedKeys = FailedKeys()
    /// What keys have used and may use.
    let meters: Meters
    /// Brings that into the ledger; nil where nothing of it is to be kept.
    let recorder: UsageRecorder?
    /// What survives a restart.
    let ledger: Ledger
    /// Large stored responses on their way to clients; those who find no place come again.
    let largeAnswers = Places(8)
    /// Conversations that are being begun with items of their own, which no turn's permit bounds.
    let beginnings = PlacesByKey(2, total: 16)
    /// Reports on what keys have used; whoever finds no place comes again.
    let usageReports = PlacesByKey(4)
    /// Where turns wait that would go on with the same conversation.
    let conversations = ConversationQueue()
    /// The turns that run, for administrators.
    let turns = TurnBoard()
    /// The runs of the CLI's own tools that go on or have just ended.
    let runs = RunBoard()
    /// Where administrators' requests are answered.
    let administration = AdminDoor()
    /// What needs the operator now.
    let problems = Problems()
    /// Where turns wait for a CLI that was replaced.
    let cliWatch = CLIWatch()
    let metrics = RequestMetrics()
    /// When the certificates end that are shown.
    let certificates = CertificateBoard()
    /// Processes of the CLI between two turns.
    let processes = ProcessStore()
    /// What happens where children ask in place of their vendor; nil where they ask it themselves.
    let relay: RelayEvents?
    let started = Instant.now
    private let ending = Atomic(false)
    private let current: Mutex<Snapshot>
    private let changes = Atomic(0)

    init(
        _ snapshot: Snapshot, keys: KeyDirectory, meters: Meters = Meters(), recorder: UsageRecorder? = nil, log: Log,
        ledger: Ledger, relay: RelayEvents? = nil
    ) {
        self.relay = relay
        self.log = log
        self.keys = keys
        self.meters = meters
        self.recorder = recorder
        self.ledger = ledger
        limiter = ConnectionLimiter(snapshot.connectionLimits)
        admission = Admission(snapshot.turnLimits, hasOtherKeys: { keys.count > 1 })
        current = Mutex(snapshot)
        metrics.change(snapshot.configuration.metrics)
        processes.change(ProcessStore.Limits(snapshot.configuration))
    }

    /// What is configured now; a request keeps the one it began with.
    var snapshot: Snapshot { current.withLock { $0 } }

    /// Takes a new configuration for everything that begins from now on.
    func replace(_ snapshot: Snapshot) {
        limiter.change(snapshot.connectionLimits)
        admission.change(snapshot.turnLimits)
        current.withLock { $0 = snapshot }
        metrics.change(snapshot.configuration.metrics)
        processes.change(ProcessStore.Limits(snapshot.configuration))
        endForeignProcesses(snapshot)
        changes.add(1, ordering: .relaxed)
        for account in snapshot.accounts.all { account.login.lookAnew() }
    }

    /// Takes another CLI for everything that begins from now on.
    func replace(cli: TriedCLI) {
        let snapshot = current.withLock { current in
            current = Snapshot(current, cli: cli)
            return current
        }
        endForeignProcesses(snapshot)
        changes.add(1, ordering: .relaxed)
    }

    /// Takes other certificates for connections to come.
    func replace(tls: TLSContext?) { current.withLock { $0 = Snapshot($0, tls: tls) } }

    /// Writes the line of a request that has ended, and counts it.
    func note(_ record: RequestRecord) {
        log.audit(record)
        metrics.count(record)
    }

    /// Ends processes of keys that are gone or switched off, after a change of the keys.
    func endForeignProcesses() { endForeignProcesses(snapshot) }

    /// Ends what no turn will use any more: processes of keys that are gone, and of another CLI.
    private func endForeignProcesses(_ snapshot: Snapshot) {
        processes.keepOnly({ [keys] in keys.knows($0) }, kinds: snapshot.kinds)
    }

    /// True once the service has been told to end.
    var isEnding: Bool { ending.load(ordering: .relaxed) }

    /// The service has been told to end.
    func noteEnding() { ending.store(true, ordering: .relaxed) }

    /// Ends what lives as long as the service, once nothing is served any more, and waits for it.
    func end(on loop: EventLoop) async {
        recorder?.retry()
        do throws(LedgerFault) { try await recorder?.flush(on: loop, waking: Wakeup()) } catch {
            log.error("what the last turns used was not written: \(error)")
        }
        // What was to be stored is on the disk before the process may go.
        ledger.close()
    }

    /// Something that `/health` tells has changed.
    func noteChange() { changes.add(1, ordering: .relaxed) }

    /// Another number whenever something that `/health` tells has changed, but for load and time.
    var generation: Int { problems.generation &+ changes.load(ordering: .relaxed) }
}
