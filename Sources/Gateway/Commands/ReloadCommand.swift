import Glibc
import Platform

/// `portcullis reload`: has the running service load everything anew, and tells what came of it. `portcullis upgrade` has it
/// go on as a new process.
enum ReloadCommand {
    /// Asks the service that has the configuration's state directory; returns the exit status.
    ///
    /// 0 when all of it is in force, 78 with a line for each fault when nothing has changed, 69 when no service runs.
    static func run(_ loader: SnapshotLoader, _ verb: AdminRequest.Verb = .reload) -> Int32 {
        let state: String
        do throws(ConfigurationFaults) {
            state = StateDirectory.resolved(try loader.configuration().stateDirectory)
        } catch {
            // What cannot be read here the service would refuse as well.
            Terminal.complain(error.description)
            return 78  // EX_CONFIG
        }
        // A peer that ends early must not end this process with a signal.
        signal(SIGPIPE, SIG_IGN)
        do throws(SystemError) {
            guard let service = try AdminConnection.open(state) else {
                Terminal.complain("no service runs with STATE_DIR \(state)")
                return 69  // EX_UNAVAILABLE
            }
            guard let answer = try service.ask(AdminRequest(verb)) else {
                Terminal.complain("the service went away without an answer, see its log")
                return 69  // EX_UNAVAILABLE
            }
            switch answer.status {
            case .done: Terminal.say(verb == .reload ? "reloaded" : "upgraded: a new process serves, the former one ends its turns")
            case .refused: Terminal.complain(answer.lines.map { "\(verb.rawValue) refused: \($0)" }.joined(separator: "\n"))
            default: Terminal.complain(answer.lines.joined(separator: "\n"))
            }
            return answer.status.exitStatus
        } catch {
            Terminal.complain("the service cannot be asked: \(error.description)")
            return 69  // EX_UNAVAILABLE
        }
    }
}
