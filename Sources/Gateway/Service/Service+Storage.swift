import Ledger
import Platform
import Glibc

extension Service {
    /// Tells what cannot be brought to the disk, and tries it again, until the service ends.
    ///
    /// Turns go on meanwhile: what they use is counted in memory.
    func watchStorage() async {
        guard let site, let recorder = site.recorder else { return }
        let wakeup = Wakeup()
        recorder.attach(RemoteWakeup(wakeup, on: loop))
        let alarm = Alarm(on: loop, waking: wakeup)
        let directory = site.snapshot.configuration.stateDirectory
        while true {
            note(.storage, Self.storageProblems(recorder.fault, in: directory))
            alarm.deadline = loop.now + .seconds(recorder.fault == nil ? Self.secondsBetweenGlances : Self.secondsBetweenTrials)
            await wakeup.wait()
            if alarm.isDue, recorder.fault != nil { recorder.retry() }
        }
    }

    private static func storageProblems(_ fault: LedgerFault?, in directory: String) -> [String] {
        var problems: [String] = []
        switch fault {
        case .damaged(let reason):
            problems.append(
                "the ledger in \(directory) is damaged (\(reason)), and nothing is stored: stop the service and put back a copy")
        case .some(let fault):
            problems.append(
                "nothing can be stored in \(directory) (\(fault)): make room there, and see that it may be written; it is "
                    + "tried again by itself")
        case nil: break
        }
        // What is open goes on to be written, and goes with the process.
        if unsafe access(directory + "/ledger.sqlite", F_OK) != 0, errno == ENOENT {
            problems.append("\(directory) was removed, and what is stored is lost with this process: restart it")
        }
        return problems
    }

    private static let secondsBetweenTrials = 2
    private static let secondsBetweenGlances = 60
}
