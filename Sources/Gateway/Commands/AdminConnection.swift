import Glibc
import Platform

/// The command's end of the administrative socket; it may wait.
final class AdminConnection {
    private let socket: FileDescriptor
    private var lines = AdminLine(limit: AdminAnswer.maxBytes)

    /// Connects to the service that has a state directory; nil when none runs.
    static func open(_ stateDirectory: String) throws(SystemError) -> AdminConnection? {
        do throws(SystemError) {
            let path = AdminSocket.path(in: stateDirectory)
            return AdminConnection(try UnixSocket.connect(to: path, waiting: answerSeconds))
        } catch {
            guard error.code == ENOENT || error.code == ECONNREFUSED else { throw error }
            return nil
        }
    }

    private init(_ socket: consuming FileDescriptor) { self.socket = socket }

    /// Asks and waits for the answer; nil when the service went away before it had one.
    func ask(_ request: AdminRequest) throws(SystemError) -> AdminAnswer? {
        let line = request.line
        var written = 0
        while written < line.count {
            switch socket.write(line.span.extracting(written..<line.count)) {
            case .bytes(let count): written += count
            case .failed(EPIPE), .failed(ECONNRESET): return nil
            case .failed(let code): throw SystemError(code: code, call: "write")
            case .wouldBlock: throw SystemError(code: ETIMEDOUT, call: "write")
            case .end: return nil
            }
        }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            switch lines.next() {
            case .whole(let line): return AdminAnswer(line: line)
            case .tooLong: return nil
            case .partial: break
            }
            let result = unsafe buffer.withUnsafeMutableBytes { unsafe socket.read(into: $0) }
            switch result {
            case .bytes(let count): lines.append(buffer.prefix(count))
            case .end, .failed(ECONNRESET): return nil
            case .wouldBlock: throw SystemError(code: ETIMEDOUT, call: "read")
            case .failed(let code): throw SystemError(code: code, call: "read")
            }
        }
    }

    /// A reload may have to try a CLI that was replaced.
    private static let answerSeconds = 90
}
