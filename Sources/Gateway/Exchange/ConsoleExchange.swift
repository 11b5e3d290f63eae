import Dialects
import HTTP
import Platform
import Server
import Vocabulary

/// A request of the console whose caller is known.
final class ConsoleRequest {
    let context: AnswerContext
    let principal: Principal
    let call: ConsoleCall

    /// Administrators may ask everything, others who they are. A page of another site, as browsers name it themselves
    /// (Fetch Metadata), may ask nothing, whatever key it has.
    init(_ request: Request, _ call: ConsoleCall, of principal: Principal, in context: AnswerContext) throws(Refusal) {
        if let site = request.fields.string(of: "sec-fetch-site"), site != "same-origin", site != "none" {
            throw Refusal(.forbidden, "Pages of other sites may not ask here.")
        }
        guard !call.isForAdministrators || principal.options.role == .admin else {
            throw .needsAdministrator("What the console tells of the service is")
        }
        if call.takesBody, request.fields[.contentType] == nil {
            throw Refusal(.unsupportedMediaType, "The request body must be application/json.")
        }
        self.context = context
        self.principal = principal
        self.call = call
    }
}

/// Answers a request of the console: what it tells is read out of memory, what it changes goes the way of commands.
struct ConsoleExchange {
    static let path = "/console/api/{call}"
    /// A body names a key and its options.
    private static let mostBodyBytes = AdminRequest.maxBytes

    private let request: ConsoleRequest
    private let channel: any RequestChannel
    private var context: AnswerContext { request.context }
    private var site: Site { context.seat.site }

    init(_ request: ConsoleRequest, asked channel: any RequestChannel) {
        self.request = request
        self.channel = channel
    }

    /// Answers and logs.
    func run(answering writer: consuming ResponseWriter) async {
        var record = context.record(path: Self.path)
        let response: Response
        do throws(TurnFailure) {
            // Whatever is told may be a secret, as a new key is.
            response = context.json(status: 200, try await answer(), adding: [(.cacheControl, "no-store")])
        } catch {
            guard let reply = error.reply(in: .chatCompletions, requestID: context.requestID, &record) else { return }
            response = context.error(reply)
        }
        // The console asks again and again for what it shows.
        record.isMonitoring = !request.call.takesBody && record.fault == nil
        context.finish(&record, response)
        await writer.respond(response)
    }

    private func answer() async throws(TurnFailure) -> [UInt8] {
        let body = request.call.takesBody ? try await readBody() : ConsoleBody()
        switch request.call {
        case .caller: return ConsoleView.caller(request.principal)
        case .accounts: return ConsoleView.accounts(context.snapshot, now: WallClock.unixSeconds)
        case .processes: return ConsoleView.processes(site)
        case .turns: return ConsoleView.turns(site.turns.all, now: WallClock.unixSeconds)
        case .errors: return ConsoleView.errors(site.log.recent.newest)
        case .settings: return ConsoleView.settings(context.snapshot.configuration)
        case .cancel(let id): return try cancel(id)
        case .audit(let count): return rows(try await ask(.audit, ["count": count]))
        case .keys(let after): return rows(try await ask(.keyList, ["after": after]))
        case .key(let name):
            let answer = try await ask(.keyShow, ["name": name])
            return Array((answer.lines.first ?? "{}").utf8)
        case .addKey:
            guard let name = body.name else { throw .refusal(Refusal(.invalidRequest, "name: Field required", param: "name")) }
            return acted(on: name, try await ask(.keyAdd, ["name": name], body.options))
        case .setKey(let name): return acted(on: name, try await ask(.keySet, ["name": name], body.options))
        case .rotateKey(let name):
            return acted(on: name, try await ask(.keyRotate, ["name": name, "overlap": body.overlap]))
        case .enableKey(let name, let isEnabled):
            return acted(on: name, try await ask(isEnabled ? .keyEnable : .keyDisable, ["name": name]))
        case .removeKey(let name): return acted(on: name, try await ask(.keyRemove, ["name": name]))
        }
    }

    private func readBody() async throws(TurnFailure) -> ConsoleBody {
        let bytes: [UInt8]
        do throws(BodyFault) { bytes = try await channel.readBody(within: context.snapshot.wire) } catch {
            switch error {
            case .gone: throw .gone
            case .refused(let fault): throw .refusal(Refusal(fault))
            }
        }
        guard bytes.count <= Self.mostBodyBytes else {
            throw .refusal(Refusal(.tooLarge, "The request body is larger than \(Self.mostBodyBytes) bytes."))
        }
        do throws(Refusal) { return try ConsoleBody(bytes) } catch { throw .refusal(error) }
    }

    private func cancel(_ id: String) throws(TurnFailure) -> [UInt8] {
        guard site.turns.cancel(id) else {
            throw .refusal(Refusal(.notFound, "There is no running turn of this id; it may be over."))
        }
        site.log.write(.info) { line in
            line.add("event", "admin")
            line.add("action", "turn-cancel")
            line.add("id", id)
            line.add("actor", actor)
        }
        var json = JSONWriter()
        json.object { json in
            json.member("object", literal: "turn")
            json.member("id", id)
            json.member("state", literal: "ending")
        }
        return json.bytes
    }

    // MARK: - The way of commands

    /// As log and audit trail have it: no user of the system is called so.
    private var actor: String { "key:\(request.principal.name)" }

    /// Has done what a command would.
    private func ask(
        _ verb: AdminRequest.Verb, _ fields: [String: String?], _ words: [String] = []
    ) async throws(TurnFailure) -> AdminAnswer {
        let wish = AdminRequest(verb, fields: fields.compactMapValues { $0 }, words: words)
        let answer = await site.administration.answer(wish, by: actor)
        let text = answer.lines.joined(separator: "; ")
        let sentence = text.prefix(1).uppercased() + text.dropFirst() + "."
        switch answer.status {
        case .done: return answer
        case .usage, .data:
            throw .refusal(Refusal(answer.fields == AdminAnswer.conflict ? .conflict : .invalidRequest, sentence))
        case .unknown: throw .refusal(Refusal(.notFound, sentence))
        case .denied: throw .refusal(Refusal(.forbidden, sentence))
        case .refused: throw .refusal(Refusal(.conflict, sentence))
        case .unavailable: throw .fault(Fault(.unavailable, sentence, detail: verb.rawValue, retryAfterSeconds: 2))
        case .failed: throw .fault(Fault(.internalError, sentence, detail: verb.rawValue, shouldRetry: false))
        }
    }

    /// Rows that are JSON already.
    private func rows(_ answer: AdminAnswer) -> [UInt8] {
        ConsoleView.list(answer.lines, next: answer.fields["next"]) { line, json in
            json.fragment(JSONFragment(validated: Array(line.utf8)[...]))
        }
    }

    /// What was done to a key; its new secret is told here and never again.
    private func acted(on name: String, _ answer: AdminAnswer) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("object", literal: "key_act")
            json.member("name", name)
            if let line = answer.fields["key"] {
                // The file's form has the name in front.
                json.member("key", String(line[line.utf8.index(after: line.firstIndex(of: ":") ?? line.startIndex)...]))
            }
            if let end = answer.fields["end"] { json.member("old_key_ends", end) }
            json.key("notes")
            json.beginArray()
            for note in answer.lines { json.string(note) }
            json.endArray()
        }
        return json.bytes
    }
}

/// The body of a request that changes something; what is not known of it is left out of account.
private struct ConsoleBody {
    var name: String?
    var options: [String] = []
    var overlap: String?

    /// No body.
    init() {}

    init(_ bytes: [UInt8]) throws(Refusal) {
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(parsing: bytes, limits: JSONLimits(depth: 8, values: 10_000)) } catch {
            throw Refusal(.invalidRequest, "The request body is not valid JSON: \(error).")
        }
        let root = try document.root.expect(.object)
        name = try root.optional("name")?.requireText().string
        overlap = try root.optional("overlap")?.requireText().string
        if let list = root.optional("options") {
            for element in try list.expect(.array).elements { options.append(try element.requireText().string) }
        }
    }
}
