import Ledger
import Platform

/// Does what the running service would, in the state directory of one that is stopped; this process has claimed it.
final class AdminOffice {
    private let ledger: Ledger
    private let loop: EventLoop
    private let keys: KeyDirectory
    private let names: GrantedNames?
    private let actor: String

    init(_ configuration: Configuration, in state: String, actor: String) throws(AdminChannel.Closed) {
        self.actor = actor
        do throws(ConfigurationFaults) {
            let pepper = try PepperFile.load(in: state)
            keys = KeyDirectory(try configuration.keys.loadKeys(), hash: KeySecretHash(pepper: pepper))
            // A registry that cannot be read is the service's to complain of.
            names = (try? MCPRegistry.load(configuration.mcp, hiding: [])).flatMap { servers in
                let workspaces = try? WorkspaceRegistry.load(configuration.workspaces, apartFrom: configuration.sandbox.hidden)
                return workspaces.map { GrantedNames(servers, configuration.accounts, $0) }
            }
        } catch {
            throw AdminChannel.Closed(78, error.description)  // EX_CONFIG
        }
        do throws(SystemError) { loop = try EventLoop() } catch {
            throw AdminChannel.Closed(71, error.description)  // EX_OSERR
        }
        do throws(LedgerFault) { ledger = try Ledger(path: state + "/ledger.sqlite") } catch {
            throw AdminChannel.Closed(78, "STATE_DIR: \(state)/ledger.sqlite cannot be used: \(error)")
        }
    }

    deinit { ledger.close() }

    /// Does one thing.
    func ask(_ request: AdminRequest) -> AdminAnswer {
        let clerk = Clerk(ledger, keys, names, on: loop)
        // Unstructured: the loop that runs it is about to start on this thread.
        Task(executorPreference: loop) { [actor] in await clerk.answer(request, by: actor) }
        loop.run()
        return unsafe clerk.result
    }
}

/// Runs one act on a loop.
private actor Clerk {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }
    private let ledger: Ledger
    private let keys: KeyDirectory
    private let names: GrantedNames?
    /// Written on the loop, read after it has stopped.
    private(set) nonisolated(unsafe) var result = AdminAnswer(.failed)

    init(_ ledger: Ledger, _ keys: KeyDirectory, _ names: GrantedNames?, on loop: EventLoop) {
        self.ledger = ledger
        self.keys = keys
        self.names = names
        self.loop = loop
    }

    func answer(_ request: AdminRequest, by actor: String) async {
        let administration = KeyAdministration(
            ledger, keys, on: loop, names: { [names] in names }, hasChanged: {})
        let desk = AdminDesk(ledger, administration, on: loop, log: nil)
        let answer = await desk.answer(request, by: actor) { _ in AdminAnswer(.unavailable, lines: ["no service runs"]) }
        unsafe result = answer
        loop.stop()
    }
}
