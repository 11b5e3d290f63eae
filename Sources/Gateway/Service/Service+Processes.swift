import ClaudeCLI
import Glibc
import Platform

extension Service {
    /// Looks after the processes between two turns until the service ends and none is left.
    func keepProcesses() async {
        if let site { await keepProcesses(of: site) }
        isKeeping = false
        await endIfEmpty()
    }

    private func keepProcesses(of site: Site) async {
        let loop = loop
        let source: ProcessKeeper.Source = {
            let snapshot = site.snapshot
            guard let file = snapshot.cli.file, snapshot.cli.selfTest.turnFault == nil, snapshot.isCLIUnchanged
            else { return nil }
            let accounts = snapshot.accounts
            return accounts.all.filter { $0 === accounts.usual[0] || $0.isInUse(at: loop.now) }.map { ($0.supply, file) }
        }
        do throws(SystemError) {
            let keeper = try ProcessKeeper(site.processes, on: loop, source: source) { [log] in log.info($0) }
            await keeper.run()
        } catch {
            log.error("processes are not kept: \(error.description)")
            site.processes.end()
        }
    }
}

extension Configuration {
    /// How many loops there are: one for each processor where nothing else is set.
    var loopCount: Int { loops > 0 ? loops : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}

extension ProcessStore.Limits {
    /// The limits of a configuration.
    init(_ configuration: Configuration) {
        self.init()
        let processes = configuration.processes
        reuse = processes.reuse
        idle = processes.maxIdle
        idlePerOwner = processes.maxIdlePerKey
        idleSeconds = processes.idleSeconds
        waiting = processes.waiting(loops: configuration.loopCount)
        total = processes.maxTotal
        largestIdleBytes = processes.maxIdleBytes
    }
}
