import ClaudeCLI
import Glibc
import Platform

/// An upgrade in place: a new process takes the sockets, this one ends its turns.
///
/// Two processes then have one state directory: the lock is both's, the ledger is written by both, each has its own
/// directories of turns.
extension Service {
    /// Starts the program that stands in this one's place now as the successor, and lets it serve once it can; returns why
    /// not, or nothing. Then this process serves on.
    func handOver() async -> [ConfigurationFault] {
        func refusal(_ reason: String) -> [ConfigurationFault] { [ConfigurationFault("upgrade", reason)] }
        guard systemd.isListening, getpid() != 1 else {
            return refusal("no service manager is told which process is the service: restart it")
        }
        guard let control = administration?.number, beginHandover() else {
            return refusal("the service starts, reloads, ends, or is being upgraded: try again")
        }
        defer { endHandover() }
        do throws(SystemError) {
            let (pid, link) = try succeed(control)
            log.info("upgrade: process \(pid) is to take over")
            switch await link.next(before: loop.now + .seconds(Self.successionSeconds)) {
            case (.ready, _)?:
                // What was told to end meanwhile ends; the successor hears it by the end of the link.
                guard await yield(to: pid, over: link) else { return refusal("the service is ending") }
                return []
            case (.refused, let reasons)?: return reasons.map { ConfigurationFault("upgrade", $0) }
            default:
                // It still has the link, so the id is still its own.
                kill(pid, SIGKILL)
                return refusal("the new process did not become ready: see its log")
            }
        } catch {
            return refusal(error.description)
        }
    }

    /// Starts the successor; its end of the link is its own by then.
    private func succeed(_ control: Int32) throws(SystemError) -> (Int32, HandoverLink) {
        let pair = try Successor.link()
        let ours = FileDescriptor(adopting: pair.ours)
        let theirs = FileDescriptor(adopting: pair.theirs)
        let ties = Inheritance.ties(link: theirs.number, control: control, lock: stateLock)
        let pid = try Successor.start(
            CurrentProcess.program, arguments: ["serve"] + loader.options, environment: loader.environment,
            descriptors: inheritance.ofUnits + keptSockets + ties)
        return (pid, HandoverLink(ours, on: loop))
    }

    /// What a start may take: a version is asked for, an unknown CLI is tried.
    private static let successionSeconds = 80

    /// Hears what the successor has to say until all turns are over.
    func hearSuccessor() async {
        while let (word, _) = await successor?.next() {
            switch word {
            case .drain: limitDrain()
            case .end: await breakOff()
            default: continue
            }
        }
    }

    /// Looks after the process before this one until it has ended.
    func attendPredecessor() async {
        while await predecessor?.next() != nil {}
        log.info("the former process has ended")
        directories.removeOthers()
        await forgetPredecessor()
    }
}
