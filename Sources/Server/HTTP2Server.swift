import HTTP
import Platform

/// The server's side of one HTTP/2 connection: moves its bytes and starts a task for each job.
final class HTTP2Server {
    private let connection: Connection
    private let http2: HTTP2Connection
    /// Those of the jobs that run, by stream.
    private var channels: [Int32: HTTP2Channel] = [:]
    private var hasAnnouncedEnd = false
    /// Of the streams that were reset those that have been counted.
    private var countedResets = 0
    /// How often it has looked at its socket.
    private(set) var looks = 0
    /// Who waits for the next look.
    private var waiting: [Wakeup] = []

    private var running: Int { channels.count }

    init?(on connection: Connection) {
        let limits = connection.limits
        guard let http2 = HTTP2Connection(limits: limits.http2, requestLimits: limits.http) else {
            return nil
        }
        self.connection = connection
        self.http2 = http2
    }

    /// Serves streams until either side ends the connection.
    func run() async {
        await move()
        countResets()
        http2.close()
        // Jobs whose client has gone are still ending their processes: the service's end waits for them too.
        while running > 0 { await connection.wakeup.wait() }
    }

    private func move() async {
        var fairness = Fairness()
        startIdleClock()
        while true {
            guard await sendAll() else { return }
            announceEndIfDraining()
            guard await sendAll() else { return }
            if http2.isDone { return await end() }
            if connection.state.phase == .ending, running == 0 {
                http2.goAway()
                return await end()
            }
            let received = await connection.receive()
            noteLook()
            switch received {
            case .bytes(let count):
                let bytes = unsafe UnsafeRawBufferPointer(connection.loop.scratch).bindMemory(to: UInt8.self)
                let part = unsafe UnsafeBufferPointer(rebasing: bytes[..<count])
                let now = Int(connection.loop.now.nanoseconds / 1_000_000)
                let isSound = unsafe http2.receive(part.span, at: now)
                let hasBegun = takeRequests()
                countResets()
                guard isSound else {
                    _ = await sendAll()
                    return await end()
                }
                if fairness.isSpent() || hasBegun { await Task.yield() }
            case .closed: return
            case .woken: break
            case .timedOut:
                // Nothing asked for long and no job runs. Streams may be open all the same: a head or a body that never
                // ends, an answer that is never read. Without the return an alarm that stays due would spin the loop.
                if running == 0 {
                    http2.goAway()
                    return await end()
                }
                startIdleClock()
            }
        }
    }

    private func serve(_ job: any Job, over channel: HTTP2Channel, on stream: Int32) async {
        await job.run(asked: channel, answering: ResponseWriter(channel))
        channels[stream] = nil
        channel.detach()
        connection.state.noteEnd()
        if running == 0 { startIdleClock() }
        // What the answer left to send is the connection's business.
        connection.wakeup.signal()
    }

    /// The service drains or ends.
    func noticePhase() { for channel in channels.values { channel.wakeup.signal() } }

    /// Signals `wakeup` once the connection has looked at its socket.
    fileprivate func look(for wakeup: Wakeup) {
        waiting.append(wakeup)
        connection.wakeup.signal()
    }

    private func noteLook() {
        looks += 1
        guard !waiting.isEmpty else { return }
        for wakeup in waiting { wakeup.signal() }
        waiting = []
    }

    fileprivate var channelConnection: Connection { connection }

    // MARK: - The connection

    private func countResets() {
        guard http2.resetStreams > countedResets else { return }
        connection.application.events.noteReset(http2.resetStreams - countedResets)
        countedResets = http2.resetStreams
    }

    private func sendAll() async -> Bool {
        while true {
            http2.collectOutput(into: &connection.output, upTo: Connection.recordBytes)
            if connection.output.isEmpty { return true }
            guard await connection.flush() else { return false }
        }
    }

    /// Starts what has arrived; true when there is among it what is not answered at once.
    private func takeRequests() -> Bool {
        var hasBegun = false
        let requests = http2.takeRequests()
        for stream in requests {
            switch stream.head {
            case .failure(let fault):
                let response = connection.answer(unreadable: fault)
                stream.respond(response, date: connection.state.httpDate)
            case .success(let request):
                switch connection.responder.answer(request, from: connection) {
                case .whole(let response): stream.respond(response, date: connection.state.httpDate)
                case .job(let job):
                    hasBegun = true
                    begin(job, on: stream, request)
                }
            }
        }
        if !requests.isEmpty { startIdleClock() }
        return hasBegun
    }

    private func begin(_ job: any Job, on stream: HTTP2Stream, _ request: Request) {
        let (channel, id) = (HTTP2Channel(request, stream, over: self), stream.id)
        channels[id] = channel
        // Unstructured: streams end independently of each other and of the task that reads the connection.
        connection.loop.spawn { await self.serve(job, over: channel, on: id) }
    }

    /// Only a request restarts it: a peer that merely pings is idle.
    private func startIdleClock() {
        connection.alarm.deadline = connection.loop.now + .seconds(connection.limits.deadlines.http2IdleSeconds)
    }

    /// GOAWAY comes after the last stream: clients there are, Python's h2 among them, drop every running stream when
    /// they hear it, though RFC 9113 §6.8 lets those go on. New ones are refused meanwhile.
    private func announceEndIfDraining() {
        guard connection.state.phase != .serving, http2.openStreams == 0, !hasAnnouncedEnd else { return }
        hasAnnouncedEnd = true
        http2.goAway()
    }

    private func end() async {
        guard await sendAll() else { return }
        await connection.linger()
    }
}

/// One job's way back over HTTP/2.
private final class HTTP2Channel: ResponseChannel {
    let request: Request
    let wakeup = Wakeup()
    private let stream: HTTP2Stream
    private let server: HTTP2Server
    private var isStalled = false

    init(_ request: Request, _ stream: HTTP2Stream, over server: HTTP2Server) {
        self.request = request
        self.stream = stream
        self.server = server
        let wakeup = wakeup
        stream.onChange = { wakeup.signal() }
    }

    /// The job is done: what the stream does from now on is nobody's business.
    func detach() { stream.onChange = nil }

    private var connection: Connection { server.channelConnection }

    var isClientGone: Bool { stream.isClosed || isStalled }

    func readBody(within limits: WireLimits) async throws(BodyFault) -> [UInt8] {
        do throws(HTTPFault) {
            var intake = try BodyIntake(request.body, within: limits)
            if request.expectsContinue {
                stream.sendContinue()
                connection.wakeup.signal()
            }
            intake.begin(at: connection.loop.now)
            if try await read(&intake) { return intake.finish() }
        } catch {
            throw .refused(error)
        }
        throw .gone
    }

    /// Reads all of a body; false when nobody is left to be answered.
    private func read(_ intake: inout BodyIntake) async throws(HTTPFault) -> Bool {
        let alarm = Alarm(on: connection.loop, waking: wakeup)
        defer { alarm.cancel() }
        var looksAtDeadline: Int?
        while true {
            let now = connection.loop.now
            let hasCome = try intake.take(at: now) { stream.takeBody(into: &$0) }
            if stream.isClosed || connection.state.phase == .ending { return false }
            if stream.hasEndedBody { return true }
            if hasCome { connection.wakeup.signal() }  // the window has opened: an update is to be sent
            if intake.deadline > now {
                looksAtDeadline = nil
                alarm.deadline = intake.deadline
            } else if let looksAtDeadline {
                if server.looks > looksAtDeadline { throw BodyIntake.tooSlow }
            } else {
                // A loop that was late itself may have left the body in the socket: the connection looks first.
                looksAtDeadline = server.looks
                alarm.deadline = nil
                server.look(for: wakeup)
            }
            await wakeup.wait()
        }
    }

    func respond(_ response: Response) async {
        stream.respond(response, date: connection.state.httpDate)
        connection.wakeup.signal()
    }

    func begin(_ response: Response) { stream.respondStreaming(response, date: connection.state.httpDate) }

    func send(_ bytes: inout [UInt8]) async -> Bool {
        stream.write(&bytes)
        connection.wakeup.signal()
        guard stream.pendingBytes > Self.highWaterBytes else { return !stream.isClosed }
        var stall = StallClock(
            on: connection.loop, waking: wakeup, seconds: connection.limits.deadlines.writeStallSeconds,
            progress: stream.pendingBytes)
        while !stream.isClosed, stream.pendingBytes > HTTP2Stream.lowWaterBytes {
            if stall.isStalled(at: stream.pendingBytes) {
                isStalled = true
                stream.reset()
                connection.wakeup.signal()
                return false
            }
            await wakeup.wait()
        }
        return !stream.isClosed
    }

    func finish() async {
        stream.finish()
        connection.wakeup.signal()
    }

    func abort() {
        stream.reset()
        connection.wakeup.signal()
    }

    /// Above this much unsent output an exchange sleeps, which stops it reading the CLI's pipe.
    private static let highWaterBytes = 64 << 10
}
