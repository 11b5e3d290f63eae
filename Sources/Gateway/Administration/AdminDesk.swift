import Ledger
import Platform
import Vocabulary

/// Does what administrators ask, whether a service runs or a command has opened the state directory itself, and notes it.
///
/// Confined to its loop.
final class AdminDesk {
    private let ledger: Ledger
    private let keys: KeyAdministration
    private let loop: EventLoop
    /// Nil where there is no log beside the audit trail.
    private let log: Log?

    init(_ ledger: Ledger, _ keys: KeyAdministration, on loop: EventLoop, log: Log?) {
        self.ledger = ledger
        self.keys = keys
        self.loop = loop
        self.log = log
    }

    /// Does what was asked; what concerns the whole service, as a reload, is for `service` to do.
    func answer(
        _ request: AdminRequest, by actor: String, service: (AdminRequest.Verb) async -> AdminAnswer
    ) async -> AdminAnswer {
        guard let verb = AdminRequest.Verb(rawValue: request.verb) else {
            return AdminAnswer(.usage, lines: ["the service does not know \(quoted(request.verb)); is it an older release?"])
        }
        if verb == .reload || verb == .upgrade {
            let answer = await service(verb)
            await note(verb, answer, by: actor)
            return answer
        }
        let answer = await perform(verb, request, by: actor)
        if verb.isAct { tell(verb.rawValue, request.fields["name"], answer, by: actor) }
        return answer
    }

    private func perform(_ verb: AdminRequest.Verb, _ request: AdminRequest, by actor: String) async -> AdminAnswer {
        if verb == .keyList { return await keys.list(after: request.fields["after"] ?? "") }
        if verb == .audit { return await audit(request) }
        guard let name = request.fields["name"] else { return AdminAnswer(.usage, lines: ["say which key"]) }
        switch verb {
        case .keyAdd: return await keys.add(name, request.words, by: actor)
        case .keySet: return await keys.set(name, request.words, by: actor)
        case .keyShow: return await keys.show(name)
        case .keyDisable: return await keys.set(name, isEnabled: false, by: actor)
        case .keyEnable: return await keys.set(name, isEnabled: true, by: actor)
        case .keyRemove: return await keys.remove(name, by: actor)
        case .keyRotate:
            let text = request.fields["overlap"]
            let overlap = text.map { DecimalText.parseTime($0, in: .seconds) } ?? KeyAdministration.usualOverlap
            guard let overlap, overlap <= KeyAdministration.longestOverlap else {
                return AdminAnswer(
                    .data, lines: ["overlap=\(quoted(text ?? "")) is no time of at most a year, as 24h, 30m or 0"])
            }
            return await keys.rotate(name, overlap: overlap, by: actor)
        case .reload, .upgrade, .keyList, .audit: return AdminAnswer(.usage)
        }
    }

    // MARK: - The trail

    /// The newest acts as JSON objects, the newest first.
    private func audit(_ request: AdminRequest) async -> AdminAnswer {
        let count = request.fields["count"].map { DecimalText.parse($0.utf8) } ?? Self.usualActs
        guard let count, (1...Self.mostActs).contains(count) else {
            return AdminAnswer(.data, lines: ["COUNT is a number from 1 to \(Self.mostActs)"])
        }
        do throws(LedgerFault) {
            let acts = try await LedgerWait.ask(on: loop, waking: Wakeup()) { self.ledger.audit.newest(count, then: $0) }
            return AdminAnswer(.done, lines: acts.map { Self.row($0.entry) })
        } catch {
            return AdminAnswer(ledger: error)
        }
    }

    private static let usualActs = 50
    private static let mostActs = 5000
    /// What one act may tell in an answer.
    private static let mostDetailBytes = 400

    private static func row(_ entry: AuditEntry) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("time", Timestamp.rfc3339(entry.act.at))
            json.member("actor", entry.act.actor)
            json.member("action", entry.action)
            json.member("subject", entry.subject)
            let detail = entry.detail
            json.member(
                "detail",
                detail.utf8.count > mostDetailBytes
                    ? String(decoding: detail.utf8.prefix(mostDetailBytes), as: UTF8.self) + "…" : detail)
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private func note(_ verb: AdminRequest.Verb, _ answer: AdminAnswer, by actor: String) async {
        tell(verb.rawValue, nil, answer, by: actor)
        let entry = AuditEntry(
            Act(at: WallClock.unixSeconds, actor: actor), action: verb.rawValue, subject: "", detail: answer.status.rawValue)
        do throws(LedgerFault) {
            try await LedgerWait.ask(on: loop, waking: Wakeup()) { self.ledger.audit.append(entry, then: $0) }
        } catch {
            log?.warning("\(verb.rawValue) could not be noted in the audit trail: \(error)")
        }
    }

    private func tell(_ action: String, _ key: String?, _ answer: AdminAnswer, by actor: String) {
        log?.write(.info) { line in
            line.add("event", "admin")
            line.add("action", action)
            // What is no name may be a key.
            line.add("key", key.flatMap { APIKey.isName($0) ? $0 : nil })
            line.add("actor", actor)
            if answer.status != .done { line.add("status", answer.status.rawValue) }
        }
    }
}

extension AdminRequest.Verb {
    /// True where something may change.
    var isAct: Bool { ![.keyList, .keyShow, .audit].contains(self) }
}
