import Dialects
import HTTP
import Platform
import Server
import Vocabulary

/// A request about a run that goes on or has just ended: `/api/sessions/{id}/events` and `/api/sessions/{id}/cancel`.
enum RunCall: Sendable {
    /// The events behind the one of that number.
    case events(String, after: Int)
    case cancel(String)

    /// Nil where the path, whose rest names the session, is about the session itself.
    init?(_ request: Request, _ rest: ArraySlice<UInt8>) throws(Refusal) {
        guard let slash = rest.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        let session = String(percentDecoding: rest[..<slash])
        switch Self.word(rest) {
        case "events":
            guard request.method == .get || request.method == .head else { throw Self.wrongMethod(rest) }
            self = .events(session, after: try Self.number(request))
        case "cancel":
            guard request.method == .post else { throw Self.wrongMethod(rest) }
            self = .cancel(session)
        default: return nil
        }
    }

    /// What of a session is meant; nil for the session itself.
    private static func word(_ rest: ArraySlice<UInt8>) -> String? {
        rest.lastIndex(of: UInt8(ascii: "/")).map { String(decoding: rest[rest.index(after: $0)...], as: UTF8.self) }
    }

    /// The methods that a path answers to, for `allow`; nil where it is about no run.
    static func methods(behind rest: ArraySlice<UInt8>) -> String? {
        switch word(rest) {
        case "events": "GET, HEAD, OPTIONS"
        case "cancel": "POST, OPTIONS"
        default: nil
        }
    }

    /// What browsers send when they connect again, or the query says in its place.
    private static func number(_ request: Request) throws(Refusal) -> Int {
        let asked = QueryParameters.parse(request.query ?? []).last { $0.name == "after" }?.value
        let header = request.fields.string(of: .lastEventID)
        guard let text = header ?? asked, !text.isEmpty else { return 0 }
        guard let number = Int(text), (0...Int(Int32.max)).contains(number), text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else {
            let field = header == nil ? "after" : "last-event-id"
            throw Refusal(.invalidRequest, "\(field): must be the id of an event", param: field)
        }
        return number
    }

    private static func wrongMethod(_ rest: ArraySlice<UInt8>) -> Refusal {
        Refusal(.methodNotAllowed, "This path does not answer to this method.", allow: methods(behind: rest))
    }
}

/// A request about a run whose caller is known.
final class RunCallRequest {
    let context: AnswerContext
    let principal: Principal
    let call: RunCall

    init(context: AnswerContext, principal: Principal, call: RunCall) {
        self.context = context
        self.principal = principal
        self.call = call
    }
}

/// Answers a request about a run.
struct RunExchange {
    private let request: RunCallRequest
    private let channel: any RequestChannel
    private var context: AnswerContext { request.context }
    private var seat: Seat { request.context.seat }

    init(_ request: RunCallRequest, asked channel: any RequestChannel) {
        self.request = request
        self.channel = channel
    }

    /// Answers and logs.
    func run(answering writer: consuming ResponseWriter) async {
        switch request.call {
        case .cancel(let session):
            let run = seat.site.runs.run(in: session, of: request.principal.id.text)
            guard let run, !run.events.isOver else { return await refuse(.noRun(session), writer) }
            run.entry.cancel(byOwner: true)
            var json = JSONWriter()
            json.object { json in
                json.member("sessionId", session)
                json.member("cancelled", true)
            }
            await finish(context.json(status: 200, json.bytes), writer)
        case .events(let session, let number):
            let run = seat.site.runs.run(in: session, of: request.principal.id.text)
            guard let run, !run.events.isBare else { return await refuse(.noRun(session), writer) }
            guard let place = run.events.place(behind: number) else { return await refuse(.forgotten(number), writer) }
            await pass(run.events, from: place, writer)
        }
    }

    private func pass(_ events: KeptStream, from first: Int, _ writer: consuming ResponseWriter) async {
        var stream = writer.stream(context.stream(adding: []))
        let remote = RemoteWakeup(channel.wakeup, on: seat.loop)
        let alarm = Alarm(on: seat.loop, waking: channel.wakeup)
        defer { alarm.cancel() }
        var place = first
        var sign = seat.loop.now + pingInterval
        while !channel.isClientGone, seat.phase != .ending {
            guard case .bytes(var bytes, let next, let isOver) = events.read(from: place, waking: remote) else { break }
            place = next
            if bytes.isEmpty, !isOver, sign <= seat.loop.now { bytes = Array(": keepalive\n\n".utf8) }
            if !bytes.isEmpty {
                sign = seat.loop.now + pingInterval
                guard await stream.send(&bytes) else { break }
            }
            if isOver {
                await stream.finish()
                return note(status: 200)
            }
            alarm.deadline = sign
            await channel.wakeup.wait()
        }
        note(status: 200)
    }

    private var pingInterval: Milliseconds { .seconds(context.snapshot.configuration.pingSeconds) }

    private func refuse(_ refusal: Refusal, _ writer: consuming ResponseWriter) async {
        await finish(context.error(ErrorReply(refusal, dialect: .agentRun, requestID: context.requestID)), writer)
    }

    private func finish(_ response: Response, _ writer: consuming ResponseWriter) async {
        var record = context.record(path: path)
        context.finish(&record, response)
        await writer.respond(response)
    }

    private func note(status: Int) {
        var record = context.record(path: path)
        record.status = status
        seat.site.note(record)
    }

    private var path: String { "/api/sessions/{id}" }
}

extension Refusal {
    fileprivate static func noRun(_ session: String) -> Refusal {
        Refusal(.notFound, "There is no streamed run in the session '\(session.prefix(128))', or it is over and forgotten.", param: "session")
    }

    fileprivate static func forgotten(_ number: Int) -> Refusal {
        Refusal(.notFound, "The events behind \(number) are not kept, or there was none of that number.", param: "after")
    }
}
