import HTTP
import Platform

/// The server's side of one HTTP/1.1 connection: requests one after another, answers in the same order.
final class HTTP1Server {
    private let connection: Connection
    private var decoder: HTTP1Decoder
    /// Received and not yet used, from `inputStart` on.
    private var input: [UInt8] = []
    private var inputStart = 0
    /// So many bytes that follow the input are still in the loop's scratch buffer: most heads come whole and are read
    /// there. Zero wherever a task may wait.
    private var fresh = 0
    /// True when the next head has begun behind a request that has been answered, so that its deadline is to be set.
    private var hasHeadBegun = false

    private var deadlines: Deadlines { _read { yield connection.limits.deadlines } }

    init(on connection: Connection) {
        self.connection = connection
        decoder = HTTP1Decoder(limits: connection.limits.http)
    }

    /// Serves requests until either side ends the connection.
    func run() async {
        var served = 0
        var fairness = Fairness()
        while true {
            switch step() {
            case .answered: break
            case .needsMore:
                if !connection.output.isEmpty {
                    guard await connection.flush() else { return }
                }
                guard await receiveMore(served: served) else { return }
                continue
            case .job(let channel, let job):
                guard await serve(job, over: channel) else { return }
            case .ends(let lingers):
                await end(lingering: lingers)
                return
            }
            served += 1
            hasHeadBegun = true
            if fairness.isSpent() || connection.output.count > Self.pipelinedOutputBytes {
                guard await connection.flush() else { return }
                await Task.yield()
            }
        }
    }

    private static let pipelinedOutputBytes = 64 << 10

    // MARK: - Requests

    /// What became of the next request in the input.
    private enum Step {
        /// Its answer is in the output.
        case answered
        /// It is not complete.
        case needsMore
        /// Its answer takes time, or its body.
        case job(HTTP1Channel, any Job)
        /// Its answer, the last one, is in the output.
        case ends(lingering: Bool)
    }

    /// Takes the next request and answers it if that can be done at once. Not `async`, so that a waiting connection's
    /// task holds nothing of a request.
    @inline(never)
    private func step() -> Step {
        do throws(HTTPFault) {
            guard let request = try nextHead() else { return .needsMore }
            switch connection.responder.answer(request, from: connection) {
            case .job(let job): return .job(HTTP1Channel(request, over: self), job)
            case .whole(let response):
                let isBodySkipped = skipBody(of: request)
                let keepAlive = isBodySkipped && request.keepAlive && connection.state.phase == .serving
                append(response, to: request, keepAlive: keepAlive)
                return keepAlive ? .answered : .ends(lingering: !isBodySkipped)
            }
        } catch {
            refuse(error)
            return .ends(lingering: true)
        }
    }

    /// The next head, if all of it is there.
    private func nextHead() throws(HTTPFault) -> Request? {
        guard fresh > 0 else {
            let decoded = try input.withSpan(from: inputStart) { (bytes) throws(HTTPFault) in
                try decoder.decode(bytes)
            }
            inputStart += decoded?.consumed ?? 0
            return decoded?.head
        }
        let count = fresh
        fresh = 0
        let scratch = unsafe UnsafeRawBufferPointer(connection.loop.scratch).bindMemory(to: UInt8.self)
        let decoded = unsafe try decoder.decode(UnsafeBufferPointer(rebasing: scratch[..<count]).span)
        let consumed = decoded?.consumed ?? 0
        if consumed < count { unsafe input.append(contentsOf: scratch[consumed..<count]) }
        return decoded?.head
    }

    /// Does the job of a request; false when the connection is over.
    ///
    /// Not inlined, so that only a connection that serves a turn has room for it in its task.
    @inline(never)
    private func serve(_ job: any Job, over channel: HTTP1Channel) async -> Bool {
        await job.run(asked: channel, answering: ResponseWriter(channel))
        connection.state.noteEnd()
        switch channel.outcome {
        case .keepsAlive where connection.state.phase == .serving: return true
        case .keepsAlive: await end(lingering: false)
        case .closes: await end(lingering: channel.hasUnreadBody)
        case .broken: break
        }
        return false
    }

    private func append(_ response: Response, to request: Request, keepAlive: Bool) {
        HTTP1Encoder.append(
            response, under: HTTP1Encoder.Conditions(answering: request, keepAlive: keepAlive),
            date: connection.state.httpDate, to: &connection.output)
    }

    private func end(lingering: Bool) async {
        guard await connection.flush() else { return }
        if lingering { await connection.linger() } else { connection.finishWriting() }
    }

    private func refuse(_ fault: HTTPFault) {
        let response = connection.answer(unreadable: fault)
        HTTP1Encoder.append(
            response, under: .unreadable, date: connection.state.httpDate, to: &connection.output)
    }

    /// Passes over a small body that nobody asked for, so that the connection can go on.
    private func skipBody(of request: Request) -> Bool {
        switch request.body {
        case .none: return true
        case .length(let count) where count <= input.count - inputStart:
            inputStart += count
            return true
        default: return false
        }
    }

    // MARK: - Receiving

    /// How long a connection without a request is waited for once nothing new is taken.
    private static let firstRequestPatience = Milliseconds.seconds(2)

    @inline(__always)
    private func receiveMore(served: Int) async -> Bool {
        if inputStart == input.count {
            if !input.isEmpty { input = [] }
            inputStart = 0
            connection.releaseBuffers()
        }
        let isIdle = input.isEmpty
        if isIdle {
            let seconds = served == 0 ? deadlines.headSeconds : deadlines.keepAliveSeconds
            connection.alarm.deadline = connection.loop.now + .seconds(seconds)
        } else if hasHeadBegun {
            connection.alarm.deadline = connection.loop.now + .seconds(deadlines.headSeconds)
        }
        hasHeadBegun = false
        var isLast = false
        while true {
            if isIdle, connection.state.phase != .serving, !isLast {
                // What was sent before the client could know is answered, and so is the first request of one that has
                // just come.
                isLast = true
                connection.lookAgain()
                connection.alarm.deadline = connection.loop.now + (served == 0 ? Self.firstRequestPatience : Milliseconds(0))
            }
            switch await connection.receive() {
            case .bytes(let count):
                if isIdle {
                    // The head's deadline counts from its first byte: a byte now and then does not extend it.
                    connection.alarm.deadline = connection.loop.now + .seconds(deadlines.headSeconds)
                    fresh = count
                } else {
                    takeScratch(count)
                }
                return true
            case .closed: return false
            case .woken: if connection.state.phase == .ending { return false }
            case .timedOut:
                if isIdle {
                    connection.finishWriting()
                } else {
                    refuse(Self.headTooSlow)
                    await end(lingering: true)
                }
                return false
            }
        }
    }

    /// Appends bytes of the loop's scratch buffer to the input.
    fileprivate func takeScratch(_ count: Int) {
        if inputStart > 0 {
            input.removeSubrange(..<inputStart)
            inputStart = 0
        }
        unsafe input.append(contentsOf: connection.loop.scratch.prefix(count))
    }

    private static let headTooSlow = HTTPFault(
        status: 408, reason: "the request head arrived too slowly", scope: .connection)
}

/// One turn's way back over HTTP/1.1.
private final class HTTP1Channel: ResponseChannel {
    /// What becomes of the connection.
    enum Outcome { case keepsAlive, closes, broken }

    let request: Request
    private(set) var outcome = Outcome.broken
    private let server: HTTP1Server
    private var form = HTTP1Encoder.BodyForm.none
    private var isBodyRead: Bool
    private var keepsAlive = false

    init(_ request: Request, over server: HTTP1Server) {
        self.request = request
        self.server = server
        isBodyRead = request.body == .none
    }

    private var connection: Connection { server.channelConnection }

    var wakeup: Wakeup { connection.wakeup }
    var isClientGone: Bool { connection.hasHungUp }
    var hasUnreadBody: Bool { !isBodyRead }

    func readBody(within limits: WireLimits) async throws(BodyFault) -> [UInt8] {
        var intake: BodyIntake
        do throws(HTTPFault) { intake = try BodyIntake(request.body, within: limits) } catch { throw .refused(error) }
        if request.expectsContinue, request.body != .none {
            HTTP1Encoder.appendContinue(to: &connection.output)
        }
        guard await connection.flush() else { throw .gone }
        try await server.read(&intake)
        isBodyRead = true
        return intake.finish()
    }

    func respond(_ response: Response) async {
        keepsAlive = isBodyRead && request.keepAlive && connection.state.phase == .serving
        HTTP1Encoder.append(
            response, under: HTTP1Encoder.Conditions(answering: request, keepAlive: keepsAlive),
            date: connection.state.httpDate, to: &connection.output)
        // Now, and not when the turn's process has ended.
        guard await connection.flush() else { return }
        outcome = keepsAlive ? .keepsAlive : .closes
    }

    func begin(_ response: Response) {
        keepsAlive = isBodyRead && request.keepAlive && connection.state.phase == .serving
        form = HTTP1Encoder.appendStreamHead(
            response, under: HTTP1Encoder.Conditions(answering: request, keepAlive: keepsAlive),
            date: connection.state.httpDate, to: &connection.output)
        if form == .untilClose { keepsAlive = false }
    }

    func send(_ bytes: inout [UInt8]) async -> Bool {
        var start = 0
        while start < bytes.count {
            // A record each, with whole events in it: clients there are that take what they read at once for such.
            let room = Connection.recordBytes - HTTP1Encoder.pieceFrameBytes
            let count = EventCuts.length(of: bytes.span, from: start, fitting: room)
            if !connection.output.isEmpty, count > room - connection.output.count {
                guard await connection.flush() else { return false }
            }
            HTTP1Encoder.appendPiece(
                bytes.span.extracting(start..<(start + count)), as: form, to: &connection.output)
            start += count
            guard await connection.flush() else { return false }
        }
        bytes.removeAll(keepingCapacity: true)
        return await connection.flush()
    }

    func finish() async {
        HTTP1Encoder.appendEnd(as: form, to: &connection.output)
        guard await connection.flush() else { return }
        outcome = keepsAlive ? .keepsAlive : .closes
    }

    /// Without the last chunk, the client sees that the answer was cut (RFC 9112 §8).
    func abort() { outcome = .broken }
}

extension HTTP1Server {
    fileprivate var channelConnection: Connection { connection }

    /// Reads the body that follows a head.
    fileprivate func read(_ intake: inout BodyIntake) async throws(BodyFault) {
        intake.begin(at: connection.loop.now)
        defer { connection.alarm.deadline = nil }
        while true {
            do throws(HTTPFault) {
                if try intake.take(from: input, at: &inputStart) { return }
            } catch {
                throw .refused(error)
            }
            try await receive(&intake)
        }
    }

    private func receive(_ intake: inout BodyIntake) async throws(BodyFault) {
        input.removeAll(keepingCapacity: true)
        inputStart = 0
        connection.alarm.deadline = intake.deadline
        while true {
            switch await connection.receive() {
            case .bytes(let count):
                intake.note(count, now: connection.loop.now)
                takeScratch(count)
                // A body that comes as fast as it is read must not hold up the loop's other connections.
                if intake.fairness.isSpent() { await Task.yield() }
                return
            case .closed: throw .gone
            case .woken: if connection.state.phase == .ending { throw .gone }
            case .timedOut:
                if intake.deadline <= connection.loop.now { throw .refused(BodyIntake.tooSlow) }
                connection.alarm.deadline = intake.deadline
            }
        }
    }
}
