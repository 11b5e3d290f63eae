import Dialects
import HTTP
import Ledger
import Platform
import Server
import Vocabulary

/// A request for what keys have used whose caller is known.
final class UsageRequest {
    let context: AnswerContext
    let principal: Principal
    let query: UsageQuery
    /// Whose usage is told; nil for everybody's.
    let subject: Subject?

    /// A key by its name, and by the id that usage is counted under.
    struct Subject: Sendable {
        let name: String
        let id: KeyID
        /// The key, where it is one that there is now.
        let principal: Principal?
    }

    /// A key sees itself, and an administrator's everybody or whom they name.
    init(_ request: Request, of principal: Principal, in context: AnswerContext) throws(Refusal) {
        let today = CivilDate(unixSeconds: WallClock.unixSeconds)
        var query = UsageQuery(today: today)
        for (name, value) in QueryParameters.parse(request.query ?? []) {
            do throws(ValueProblem) { _ = try query.take(name, value, today: today) } catch {
                throw Refusal(.invalidRequest, "\(name): \(error.text).", param: name)
            }
        }
        let isAdministrator = principal.options.role == .admin
        if let key = query.key, key != principal.name {
            guard isAdministrator else { throw .needsAdministrator("The usage of other keys is") }
            let known = context.seat.site.keys.principal(named: key)
            subject = Subject(name: key, id: known?.id ?? KeyID(named: key), principal: known)
        } else if isAdministrator, query.key == nil {
            subject = nil
        } else {
            subject = Subject(name: principal.name, id: principal.id, principal: principal)
        }
        self.context = context
        self.principal = principal
        self.query = query
    }
}

/// Answers a request for what keys have used: what is newest out of memory, the rest out of the ledger.
struct UsageExchange {
    private let request: UsageRequest
    private let channel: any RequestChannel
    private var context: AnswerContext { request.context }

    init(_ request: UsageRequest, asked channel: any RequestChannel) {
        self.request = request
        self.channel = channel
    }

    /// Answers and logs.
    func run(answering writer: consuming ResponseWriter) async {
        var record = context.record(path: "/usage")
        let response: Response
        do throws(Fault) {
            response = context.json(status: 200, body(try await table()), adding: [(.cacheControl, "no-store")])
        } catch {
            let fault = error
            if fault.kind == .rateLimited { record.refusal = .keyRate }
            record.fault = fault.logged
            response = context.error(ErrorReply(fault, dialect: .chatCompletions, requestID: context.requestID))
        }
        context.finish(&record, response)
        await writer.respond(response)
    }

    private func table() async throws(Fault) -> UsageTable {
        let (places, id) = (context.seat.site.usageReports, request.principal.id)
        guard places.take(of: id) else {
            throw Fault(.rateLimited, "This key asks for its usage too often at once; try again.", detail: "usage", retryAfterSeconds: 1)
        }
        defer { places.give(of: id) }
        do throws(LedgerFault) { return try await read() } catch {
            throw Fault(
                .unavailable, "What was used cannot be read at the moment.", detail: error.description, retryAfterSeconds: 2)
        }
    }

    private func read() async throws(LedgerFault) -> UsageTable {
        let store = context.seat.site.ledger.usage
        let (query, filter) = (request.query, request.query.filter(owner: request.subject?.id.text))
        if let recorder = context.seat.site.recorder, recorder.fault == nil {
            // Whoever has heard an answer finds it in the report that is asked for next.
            try await recorder.flush(on: context.seat.loop, waking: channel.wakeup)
        }
        let usage = try await LedgerWait<[UsageRow]>.ask(on: context.seat.loop, waking: channel.wakeup) {
            store.report(filter, by: query.grouping, then: $0)
        }
        let refusals = try await LedgerWait<[RefusalRow]>.ask(on: context.seat.loop, waking: channel.wakeup) {
            store.refusals(filter, by: query.grouping, then: $0)
        }
        return UsageTable(query, usage, refusals, names: names(in: usage.map(\.group) + refusals.map(\.group)))
    }

    /// The names of the keys that the rows tell of, by the ids that usage is counted under.
    private func names(in groups: [UsageGroup]) -> [String: String] {
        if let subject = request.subject { return [subject.id.text: subject.name] }
        guard request.query.grouping == .key else { return [:] }
        return context.seat.site.keys.names(
            of: groups.compactMap { group in
                if case .name(let id) = group { id } else { nil }
            })
    }

    private func body(_ table: UsageTable) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("object", literal: "usage")
        json.key("key")
        if let subject = request.subject {
            json.string(subject.name)
            let moment = MeterMoment.current
            for (name, window) in Self.stretches {
                json.key(JSONText(name))
                json.object { Self.write(context.seat.site.meters.used(subject.id, in: window, at: moment), to: &$0) }
            }
            if let principal = subject.principal { writeLimits(of: principal, at: moment, to: &json) }
        } else {
            json.null()
        }
        table.write(to: &json)
        json.endObject()
        return json.bytes
    }

    private static let stretches: [(String, KeyCap.Window)] = [
        ("today", .day), ("this_week", .week), ("this_month", .month),
    ]

    private static func write(_ used: Amounts, to json: inout JSONWriter) {
        json.member("requests", used.requests)
        json.member("input_tokens", used.input)
        json.member("cached_tokens", used.cached)
        json.member("output_tokens", used.output)
        json.member("cost_usd", UsageTable.dollars(used.cost))
    }

    private func writeLimits(of principal: Principal, at moment: MeterMoment, to json: inout JSONWriter) {
        let meters = context.seat.site.meters
        json.key("limits")
        json.beginArray()
        for rate in meters.rates(of: principal, at: moment) {
            Self.write(
                rate.cap, used: rate.cap.amount - rate.remaining, resetsAt: moment.now + rate.resetSeconds, to: &json)
        }
        for share in meters.shares(of: principal, at: moment) {
            Self.write(share.cap, used: share.used, resetsAt: share.resetsAt, to: &json)
        }
        json.endArray()
    }

    private static func write(_ cap: KeyCap, used: Int, resetsAt: Int, to json: inout JSONWriter) {
        json.object { json in
            json.member("name", cap.name)
            let isMoney = cap.metric == .spend
            json.member("unit", isMoney ? "usd" : cap.metric == .requests ? "requests" : "tokens")
            for (name, value) in [("limit", cap.amount), ("used", used), ("remaining", max(0, cap.amount - used))] {
                json.key(JSONText(name))
                if isMoney { json.fragment(UsageTable.dollars(value)) } else { json.integer(value) }
            }
            json.member("resets_at", Timestamp.rfc3339(resetsAt))
        }
    }
}
