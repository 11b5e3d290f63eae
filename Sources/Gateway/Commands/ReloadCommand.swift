import Glibc
import Platform

/// `portcullis reload`: has the running service load everything anew, and tells what came of it.
enum ReloadCommand {
    /// Asks the service that has the configuration's state directory; returns the exit status.
    ///
    /// 0 when all of it is in force, 78 with a line for each fault when nothing has changed, 69 when no service runs.
    static func run(_ loader: SnapshotLoader) -> Int32 {
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
            let answer = try ask(Control.path(in: state))
            switch answer.first {
            case Control.done:
                Terminal.say("reloaded")
                return 0
            case Control.refused:
                Terminal.complain(answer.dropFirst().map { "reload refused: \($0)" }.joined(separator: "\n"))
                return 78  // EX_CONFIG
            default:
                Terminal.complain("the service went away without an answer, see its log")
                return 69  // EX_UNAVAILABLE
            }
        } catch {
            let isAbsent = error.code == ENOENT || error.code == ECONNREFUSED
            Terminal.complain(
                isAbsent
                    ? "no service runs with STATE_DIR \(state)" : "the service cannot be asked: \(error.description)")
            return 69  // EX_UNAVAILABLE
        }
    }

    /// The lines of the service's answer; none when it ended before it had one.
    private static func ask(_ path: String) throws(SystemError) -> [String] {
        let socket = try UnixSocket.connect(to: path, waiting: answerSeconds)
        let question = Array("\(Control.reload)\n".utf8)
        if case .failed(let code) = socket.write(question.span) { throw SystemError(code: code, call: "write") }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while answer.count < maxAnswerBytes {
            let result = unsafe buffer.withUnsafeMutableBytes { unsafe socket.read(into: $0) }
            switch result {
            case .bytes(let count): answer += buffer.prefix(count)
            case .end: return String(decoding: answer, as: UTF8.self).split(separator: "\n").map(String.init)
            case .wouldBlock: throw SystemError(code: ETIMEDOUT, call: "read")
            case .failed(let code): throw SystemError(code: code, call: "read")
            }
        }
        return []
    }

    /// A reload may have to try a CLI that was replaced.
    private static let answerSeconds = 90
    private static let maxAnswerBytes = 1 << 20
}
