import Platform

/// One wish for a reload, and what became of it. Confined to the service's loop.
final class ReloadRequest {
    /// Signalled when `faults` are known.
    let wakeup = Wakeup()
    /// Why it was refused; empty when it took effect, nil as long as it has not ended.
    var faults: [ConfigurationFault]?
}

/// The words of the control socket: a line that asks, and an answer that ends with the connection.
enum Control {
    /// Asks for a reload and waits for its end.
    static let reload = "reload"
    /// The first line of an answer: it took effect.
    static let done = "done"
    /// The first line of an answer: nothing has changed; the lines behind it say why.
    static let refused = "refused"

    /// The socket of the service that has a state directory.
    static func path(in stateDirectory: String) -> String { stateDirectory + "/control" }
}

extension Service {
    /// Answers `portcullis reload`, one client after the other, until the service ends.
    ///
    /// The socket lies in the state directory, which only the service's own user and root can enter; whoever can ask
    /// there could send SIGHUP as well.
    func answerControl(in stateDirectory: String) async {
        let path = Control.path(in: stateDirectory)
        let listener: Listener
        do throws(SystemError) {
            guard let made = try Listener.open(.unix(path: path), isFirst: true, backlog: 16).first else { return }
            listener = made
        } catch {
            log.warning("'portcullis reload' cannot reach this service, SIGHUP can: \(error.description)")
            return
        }
        let wakeup = Wakeup()
        let pause = Alarm(on: loop, waking: wakeup)
        let readiness = Readiness(listener.number, on: loop, interest: .reading, waking: wakeup)
        defer { readiness.cancel() }
        while true {
            switch listener.accept() {
            case .connection(let socket, _): await answer(socket)
            case .none:
                readiness.readWouldBlock()
                await wakeup.wait()
            case .exhausted:
                // Without a pause the listener, which stays readable, would keep the loop busy for nothing.
                pause.deadline = loop.now + Milliseconds(1000)
                while !pause.isDue { await wakeup.wait() }
                pause.cancel()
            }
        }
    }

    private func answer(_ socket: consuming FileDescriptor) async {
        let wakeup = Wakeup()
        let readiness = Readiness(socket.number, on: loop, interest: .socket, waking: wakeup)
        let limit = Alarm(on: loop, waking: wakeup)
        defer {
            readiness.cancel()
            limit.cancel()
        }
        limit.deadline = loop.now + .seconds(Self.controlSeconds)
        var asked: [UInt8] = []
        while !asked.contains(UInt8(ascii: "\n")), asked.count < Self.maxControlBytes {
            switch unsafe socket.read(into: loop.scratch) {
            case .bytes(let count): unsafe asked.append(contentsOf: loop.scratch.prefix(count))
            case .wouldBlock:
                readiness.readWouldBlock()
                if limit.isDue { return }
                await wakeup.wait()
            case .end, .failed: return
            }
        }
        guard asked.elementsEqual("\(Control.reload)\n".utf8) else { return }
        let faults = await requestReload()
        let lines = [faults.isEmpty ? Control.done : Control.refused] + faults.map(\.description)
        let answer = Array(lines.map { "\($0)\n" }.joined().utf8)
        limit.deadline = loop.now + .seconds(Self.controlSeconds)
        var written = 0
        while written < answer.count {
            switch socket.write(answer.span.extracting(written..<answer.count)) {
            case .bytes(let count): written += count
            case .wouldBlock:
                readiness.writeWouldBlock()
                if limit.isDue { return }
                await wakeup.wait()
            case .end, .failed: return
            }
        }
    }

    private static let controlSeconds = 5
    private static let maxControlBytes = 64
}
