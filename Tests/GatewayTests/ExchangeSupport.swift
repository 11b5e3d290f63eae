import ClaudeCLI
import Glibc
import HTTP
import Ledger
import Platform
import TLS
import TestSupport
import Testing
import Vocabulary

@testable import Gateway
@testable import Server

/// What a client saw of its request, and what was left behind.
struct Seen: Sendable {
    enum End: Sendable { case whole, finished, cut, open }

    var status = 0
    var fields: [String: String] = [:]
    var body = ""
    var end = End.open
    /// The line of the log.
    var log = ""
    /// How many turns were begun, and of how many nothing is left.
    var begun = 0
    var ended = 0
    /// What each turn was told that those before it had spent.
    var spent: [TurnSpending] = []
    /// How often `step` was called in all.
    var steps = 0
}

/// A request that reaches its exchange without a socket, and an exchange whose turns are recordings of the CLI.
///
/// Everything of it lives on one loop; `prepare` is called there before the request is read.
final class Scene {
    let seat: Seat
    let channel: SceneChannel
    let supply: RecordedTurns

    private init(_ seat: Seat, _ channel: SceneChannel, _ supply: RecordedTurns) {
        self.seat = seat
        self.channel = channel
        self.supply = supply
    }

    /// What turns are to do, one after another; a request that begins more of them than there are has failed.
    var turns: [[RecordedTurn.Step]] {
        get { supply.scripts }
        set { supply.scripts = newValue }
    }

    /// Lets a request be answered and tells what was seen of it.
    static func play(
        _ ask: Ask, ledger: Ledger? = nil, pingSeconds: Int = 15, limits: CLILimits = CLILimits(),
        _ prepare: @escaping @Sendable (Scene) throws -> Void
    ) async throws -> Seen {
        let loop = try #require(TestService.nextLoop())
        let scratch = try Scratch()
        let descriptor = unsafe open(scratch.path(of: "log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { Glibc.close(descriptor) }
        let site = try site(scratch, ledger, pingSeconds, limits, log: descriptor)
        let task = Task(executorPreference: loop) { () throws -> Seen in
            let seat = Seat(at: Desk(site, on: LoopState(on: loop)), for: SceneCaller())
            let channel = SceneChannel(try request(ask), body: Array(ask.body.utf8))
            let scene = Scene(seat, channel, RecordedTurns(limits: limits))
            try prepare(scene)
            guard case .work(.turn(let turn)) = Endpoints.route(channel.request, at: seat) else {
                Issue.record("the request was answered at once")
                return Seen()
            }
            var exchange = Exchange(turn, asked: channel, of: scene.supply)
            await exchange.run(answering: ResponseWriter(channel))
            var seen = channel.seen
            seen.begun = scene.supply.begun.count
            seen.ended = scene.supply.begun.count { $0.hasEnded }
            seen.steps = scene.supply.begun.reduce(0) { $0 + $1.steps }
            seen.spent = scene.supply.spent
            scene.supply.begun = []
            scene.supply.onEnd = nil
            return seen
        }
        var seen = try await task.value
        seen.log = String(decoding: try scratch.read("log"), as: UTF8.self)
        return seen
    }

    static func request(_ ask: Ask) throws -> Request {
        let text = RawClient.request("POST", ask.path, ask.fields, body: ask.body)
        var decoder = HTTP1Decoder()
        return try #require(try decoder.decode(Array(text.utf8).span)).head
    }

    private static func site(
        _ scratch: Scratch, _ ledger: Ledger?, _ pingSeconds: Int, _ limits: CLILimits, log: Int32
    ) throws -> Site {
        var configuration = Configuration()
        configuration.pingSeconds = pingSeconds
        configuration.turns = TurnSettings(maxRunning: 4, maxWaiting: 4, waitSeconds: 30)
        configuration.stateDirectory = scratch.path
        configuration.responses.isStoring = ledger != nil
        // Any file will do: nothing is ever started.
        let program = try scratch.write("claude", "", mode: 0o700)
        let supply = CLISupply(
            LaunchProfile(path: program, operatorEnvironment: ["ANTHROPIC_API_KEY=x"], loginDirectory: "/nonexistent"),
            limits: limits, directories: try TurnDirectories(state: scratch.path))
        let snapshot = Snapshot(
            configuration, tls: nil,
            accounts: Accounts(Account(supply: supply)), cli: TriedCLI(file: ProgramFile(path: program), version: "0.0.0", selfTest: .off))
        let keys = KeyDirectory([try #require(APIKey(name: "first", secret: TestService.key))])
        return Site(
            snapshot, keys: keys, log: Log(configuration.logging, descriptor: log),
            ledger: try ledger ?? Ledger(path: scratch.path(of: "ledger.sqlite")))
    }
}

/// What a client asks.
struct Ask: Sendable, CustomTestStringConvertible {
    var path: String
    var body: String
    var fields: [String] = []

    /// An answer in each dialect.
    static func all(streams: Bool) -> [Ask] { [message(streams: streams), chat(streams: streams), response(streams: streams)] }

    static func message(streams: Bool) -> Ask {
        Ask(
            path: "/v1/messages",
            body:
                #"{"model":"sonnet","max_tokens":100,"stream":\#(streams),"messages":[{"role":"user","content":"Hi"}]}"#
        )
    }

    static func chat(streams: Bool) -> Ask {
        Ask(
            path: "/v1/chat/completions",
            body: #"{"model":"sonnet","stream":\#(streams),"messages":[{"role":"user","content":"Hi"}]}"#)
    }

    static func response(streams: Bool, fields: [String] = []) -> Ask {
        Ask(path: "/v1/responses", body: #"{"model":"sonnet","stream":\#(streams),"input":"Hi"}"#, fields: fields)
    }

    /// A question for the number of tokens, in the dialects that have one.
    static let counts = [
        Ask(
            path: "/v1/messages/count_tokens", body: #"{"model":"sonnet","messages":[{"role":"user","content":"Hi"}]}"#),
        Ask(path: "/v1/responses/input_tokens", body: #"{"model":"sonnet","input":"Hi"}"#),
    ]

    var testDescription: String { "\(path) \(body.contains("\"stream\":true") ? "streamed" : "whole")" }
}

/// A client without a connection.
final class SceneCaller: Caller {
    let peer = PeerAddress(sockaddr_storage())
    let trustedProxies: [AddressRange] = []
    let clientCertificate: ClientCertificate? = nil

    func noteAuthenticated() {}
}

/// A client that notes what it is sent.
final class SceneChannel: ResponseChannel {
    let request: Request
    let wakeup = Wakeup()
    var isClientGone = false
    /// Called for each piece before it is taken; false for a client that takes it not.
    var onSend: ((String) async -> Bool)?
    private(set) var seen = Seen()
    private let requestBody: [UInt8]

    init(_ request: Request, body: [UInt8]) {
        self.request = request
        requestBody = body
    }

    func readBody(within limits: WireLimits) async throws(BodyFault) -> [UInt8] { requestBody }

    func respond(_ response: Response) async {
        begin(response)
        seen.body = String(decoding: response.body, as: UTF8.self)
        seen.end = .whole
    }

    func begin(_ response: Response) {
        #expect(seen.status == 0, "a second answer was begun")
        seen.status = response.status
        for (name, value) in response.fields {
            seen.fields[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
    }

    func send(_ bytes: inout [UInt8]) async -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        if let onSend, await !onSend(text) { return false }
        seen.body += text
        bytes.removeAll(keepingCapacity: true)
        return true
    }

    func finish() async { seen.end = .finished }

    func abort() {
        #expect(seen.end == .open, "what has ended was cut off")
        seen.end = .cut
    }
}

/// Turns that do what they were told to.
final class RecordedTurns: TurnSupply {
    var scripts: [[RecordedTurn.Step]] = []
    var begun: [RecordedTurn] = []
    /// What each of them was told that others had spent.
    var spent: [TurnSpending] = []
    /// Called when nothing is left of a turn.
    var onEnd: (() -> Void)?
    private let limits: CLILimits

    init(limits: CLILimits) { self.limits = limits }

    func announce(_ place: ProcessStore.Place, isSingle: Bool) {}

    func finish(_ turn: any RunningTurn, at place: ProcessStore.Place?, isSingle: Bool, on loop: EventLoop) async {
        guard let turn = turn as? RecordedTurn else { return }
        await turn.end()
    }

    func begin(
        _ needs: TurnNeeds, on loop: EventLoop, waking wakeup: Wakeup
    ) async throws(Fault) -> (any RunningTurn)? {
        if let last = begun.last { #expect(last.hasEnded, "a turn was begun before the one before it had ended") }
        guard !scripts.isEmpty else {
            Issue.record("there was one turn too many")
            throw Fault(.internalError, "There was one turn too many.")
        }
        let turn = RecordedTurn(scripts.removeFirst(), limits: limits, on: loop, waking: wakeup)
        turn.onEnd = onEnd
        spent.append(needs.spent)
        begun.append(turn)
        return turn
    }
}

/// A turn whose CLI is a recording.
final class RecordedTurn: RunningTurn {
    enum Step {
        /// What the CLI prints.
        case prints([UInt8])
        /// Something else happens meanwhile.
        case meanwhile(() -> Void)
        /// Nothing comes until the deadline.
        case isSilent
        /// The tokens are counted.
        case counts(Int)
    }

    let origin = CLISession.Origin.fresh
    let isUnfit = false
    let mayBeUnfit = false
    private(set) var countedTokens: Int?
    var onEnd: (() -> Void)?
    var spending: TurnSpending { output.spending }
    var usage: TurnUsage { output.used }
    private(set) var steps = 0
    private(set) var hasEnded = false
    private var isOver = false
    private var script: [Step]
    private var output: RecordedOutput
    private let loop: EventLoop
    private let wakeup: Wakeup

    init(_ script: [Step], limits: CLILimits, on loop: EventLoop, waking wakeup: Wakeup) {
        self.script = script
        output = RecordedOutput(limits: limits)
        self.loop = loop
        self.wakeup = wakeup
    }

    func step(
        until deadline: Instant, _ take: (ReplyEvent, Span<UInt8>) -> Void
    ) async -> CLISession.StepResult {
        steps += 1
        guard !isOver else { return .ended }
        guard !script.isEmpty else {
            isOver = true
            let noLine: [UInt8] = []
            take(.failed(.passing(.badGateway, "The CLI ended without an answer.")), noLine.span)
            return .ended
        }
        switch script.removeFirst() {
        case .prints(let bytes): return prints(bytes, take)
        case .meanwhile(let action):
            action()
            return .quiet
        case .isSilent:
            let alarm = Alarm(on: loop, waking: wakeup)
            defer { alarm.cancel() }
            alarm.deadline = deadline
            await wakeup.wait()
            return .quiet
        case .counts(let tokens):
            countedTokens = tokens
            isOver = true
            return .ended
        }
    }

    private func prints(_ bytes: [UInt8], _ take: (ReplyEvent, Span<UInt8>) -> Void) -> CLISession.StepResult {
        var rest = bytes.span
        while rest.count > 0, !isOver {
            let part = rest.extracting(first: min(rest.count, 32 << 10))
            rest = rest.extracting(droppingFirst: part.count)
            do throws(Fault) {
                try output.take(part) { event, line in
                    switch event {
                    case .finished, .failed: isOver = true
                    default: break
                    }
                    take(event, line)
                }
            } catch {
                Issue.record("\(error)")
                return .ended
            }
        }
        return isOver ? .ended : .progress
    }

    func takeQuotas() -> (quotas: [Quota], observedAt: Instant) { ([], loop.now) }

    func end() async {
        hasEnded = true
        onEnd?()
    }
}

extension [RecordedTurn.Step] {
    /// Everything that a real CLI printed.
    static func recorded(_ name: String) throws -> Self { [.prints([UInt8](try lines(of: name).joined()))] }

    /// The same up to the line that brings `text`, and what comes from there on.
    static func recorded(_ name: String, before text: String) throws -> (Self, Self) {
        let lines = try lines(of: name)
        let place = try #require(lines.firstIndex { String(decoding: $0, as: UTF8.self).contains(text) })
        return ([.prints([UInt8](lines[..<place].joined()))], [.prints([UInt8](lines[place...].joined()))])
    }

    /// A recording without the lines that bring `text`.
    static func recorded(_ name: String, without text: String) throws -> Self {
        let lines = try lines(of: name).filter { !String(decoding: $0, as: UTF8.self).contains(text) }
        return [.prints([UInt8](lines.joined()))]
    }

    private static func lines(of name: String) throws -> [[UInt8]] {
        let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let path = "/\(folder)/ClaudeCLITests/Fixtures/\(name).ndjson"
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0, "\(path)")
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe read(descriptor, &bytes, bytes.count)
        try #require(count > 0 && count < bytes.count)
        return bytes[..<count].split(separator: 0x0A).map { $0 + [0x0A] }
    }
}
