import HTTP
import Platform

/// The server's side of one HTTP/2 connection: moves its bytes and starts a task for each turn.
final class HTTP2Server {
    private let connection: Connection
    private let http2: HTTP2Connection
    /// What takes the CLI or the ledger, by stream.
    private var channels: [Int32: HTTP2Channel] = [:]
    private var hasAnnouncedEnd = false
    private var running = 0

    private var limits: Limits { _read { yield connection.limits.configured } }

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
        http2.close()
        // Turns whose client has gone are still ending their processes: the service's end waits for them too.
        while running > 0 { await connection.wakeup.wait() }
    }

    private func move() async {
        var fairness = 16
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
            switch await connection.receive() {
            case .bytes(let count):
                let bytes = unsafe UnsafeRawBufferPointer(connection.loop.scratch).bindMemory(to: UInt8.self)
                let part = unsafe UnsafeBufferPointer(rebasing: bytes[..<count])
                let now = Int(connection.loop.now.nanoseconds / 1_000_000)
                let isSound = unsafe http2.receive(part.span, at: now)
                let hasBegun = takeRequests()
                guard isSound else {
                    _ = await sendAll()
                    return await end()
                }
                fairness -= 1
                if hasBegun || fairness == 0 {
                    fairness = 16
                    await Task.yield()
                }
            case .closed: return
            case .woken: break
            case .timedOut:
                // Nothing asked for long and no turn runs. Streams may be open all the same: a head or a body that never
                // ends, an answer that is never read. Without the return an alarm that stays due would spin the loop.
                if running == 0 {
                    http2.goAway()
                    return await end()
                }
                startIdleClock()
            }
        }
    }

    /// Does work that `takeRequests` has begun.
    func serve(_ id: Int32) async {
        guard let channel = channels[id], let work = channel.work.take() else { return }
        await work.run(asked: channel, answering: ResponseWriter(channel))
        channels[id] = nil
        channel.detach()
        connection.state.noteEnd()
        running -= 1
        if running == 0 { startIdleClock() }
        // What the answer left to send is the connection's business.
        connection.wakeup.signal()
    }

    /// The service drains or ends.
    func noticePhase() { for channel in channels.values { channel.wakeup.signal() } }

    fileprivate var channelConnection: Connection { connection }

    // MARK: - The connection

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
                stream.respond(Endpoints.unreadable(fault, at: connection), date: connection.state.httpDate)
            case .success(let request):
                switch Endpoints.route(request, at: connection) {
                case .answer(let response): stream.respond(response, date: connection.state.httpDate)
                case .work(let work):
                    hasBegun = true
                    begin(work, on: stream, request)
                }
            }
        }
        if !requests.isEmpty { startIdleClock() }
        return hasBegun
    }

    private func begin(_ work: Work, on stream: HTTP2Stream, _ request: Request) {
        channels[stream.id] = HTTP2Channel(request, stream, work, over: self)
        running += 1
        let (worker, id, number) = (connection.worker, connection.id, stream.id)
        // Unstructured: streams end independently of each other and of the task that reads the connection.
        Task(executorPreference: connection.loop) { await worker.serve(stream: number, of: id) }
    }

    /// Only a request restarts it: a peer that merely pings is idle.
    private func startIdleClock() {
        connection.alarm.deadline = connection.loop.now + .seconds(limits.http2IdleSeconds)
    }

    /// GOAWAY comes after the last stream: clients there are, Python's h2 among them, drop every running stream when
    /// they hear it, though RFC 9113 §6.8 lets those go on. New turns are refused meanwhile.
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

/// One turn's way back over HTTP/2.
private final class HTTP2Channel: ResponseChannel {
    let request: Request
    let wakeup = Wakeup()
    /// What is to be done; nil once it has begun.
    var work: Work?
    private let stream: HTTP2Stream
    private let server: HTTP2Server
    private var isStalled = false

    init(_ request: Request, _ stream: HTTP2Stream, _ work: Work, over server: HTTP2Server) {
        self.request = request
        self.stream = stream
        self.work = work
        self.server = server
        let wakeup = wakeup
        stream.onChange = { wakeup.signal() }
    }

    /// The work is done: what the stream does from now on is nobody's business.
    func detach() { stream.onChange = nil }

    private var connection: Connection { server.channelConnection }
    private var limits: Limits { _read { yield connection.limits.configured } }

    var isClientGone: Bool { stream.isClosed || isStalled }

    func readBody(within limits: WireLimits) async throws(BodyFault) -> [UInt8] {
        let most = limits.http.bodyBytes
        if case .length(let count) = request.body, count > most { throw .refused(BodyClock.tooLarge) }
        if request.expectsContinue {
            stream.sendContinue()
            connection.wakeup.signal()
        }
        var clock = BodyClock(limits.configured, now: connection.loop.now)
        let alarm = Alarm(on: connection.loop, waking: wakeup)
        defer { alarm.cancel() }
        var body: [UInt8] = []
        var hasHadLastChance = false
        while true {
            let before = body.count
            stream.takeBody(into: &body)
            if body.count > most { throw .refused(BodyClock.tooLarge) }
            if stream.isClosed || connection.state.phase == .ending { throw .gone }
            if stream.hasEndedBody { return body }
            if body.count > before {
                clock.note(body.count - before, now: connection.loop.now)
                connection.wakeup.signal()  // the window has opened: an update is to be sent
            }
            if clock.deadline <= connection.loop.now {
                if hasHadLastChance { throw .refused(BodyClock.tooSlow) }
                // A loop that was late itself may have left the body in the socket: the connection reads first.
                hasHadLastChance = true
                await Task.yield()
                await Task.yield()
                continue
            }
            hasHadLastChance = false
            alarm.deadline = clock.deadline
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
        let alarm = Alarm(on: connection.loop, waking: wakeup)
        defer { alarm.cancel() }
        var pending = stream.pendingBytes
        alarm.deadline = connection.loop.now + .seconds(limits.writeStallSeconds)
        while !stream.isClosed, stream.pendingBytes > HTTP2Stream.lowWaterBytes {
            if stream.pendingBytes < pending {
                pending = stream.pendingBytes
                alarm.deadline = connection.loop.now + .seconds(limits.writeStallSeconds)
            }
            if alarm.isDue {
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
