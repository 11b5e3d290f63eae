import Ledger
import Platform
import Vocabulary

/// Adds keys to the ledger, changes and removes them there, and has the directory follow at once.
///
/// One act after the other, so that both tell the same at any time. Confined to its loop.
final class KeyAdministration {
    private let ledger: Ledger
    private let keys: KeyDirectory
    private let loop: EventLoop
    private let turnstile = Turnstile()
    /// What keys may name; nil where that cannot be told.
    private let names: () -> GrantedNames?
    /// Hears that processes of a key may be nobody's now.
    private let hasChanged: () -> Void
    /// Hears which key is gone for ever.
    private let hasRemoved: (KeyID) -> Void

    /// How long an old secret is valid beside a new one where nobody says: a day.
    static let usualOverlap = 86_400
    /// The longest there can be: a year.
    static let longestOverlap = 366 * 86_400

    init(
        _ ledger: Ledger, _ keys: KeyDirectory, on loop: EventLoop, names: @escaping () -> GrantedNames?,
        hasChanged: @escaping () -> Void, hasRemoved: @escaping (KeyID) -> Void = { _ in }
    ) {
        self.ledger = ledger
        self.keys = keys
        self.loop = loop
        self.names = names
        self.hasChanged = hasChanged
        self.hasRemoved = hasRemoved
    }

    // MARK: - Changing

    /// Adds a key; the answer's field `key` is the only place where its secret is ever told.
    func add(_ name: String, _ words: [String], by actor: String) async -> AdminAnswer {
        await turnstile.pass {
            guard APIKey.isName(name) else {
                return AdminAnswer(
                    .data, lines: ["a key's name is 1 to 64 letters, digits, '.', '_' and '-', and no key"])
            }
            if let taken = refusal(ofName: name) { return taken }
            do throws(ValueProblem) {
                var options = KeyOptions()
                try take(words, into: &options)
                guard let key = APIKey.generate(name: name), let digest = key.digest(under: keys.hash) else {
                    return AdminAnswer(.failed, lines: ["the system gives no random bytes"])
                }
                let new = NewKey(id: Self.newID(), name: name, options: options.line, digest: digest)
                return await change(actor, ["key": key.fileLine]) { act, then in
                    self.ledger.keys.add(new, by: act, then: then)
                }
            } catch {
                return AdminAnswer(.data, lines: ["key \(name) \(error.text)"])
            }
        }
    }

    /// Changes options; an empty value clears one.
    func set(_ name: String, _ words: [String], by actor: String) async -> AdminAnswer {
        await turnstile.pass {
            await withKey(name) { key in
                guard !words.isEmpty else { return AdminAnswer(.usage, lines: ["say what to set, as option=value"]) }
                do throws(ValueProblem) {
                    var (options, lost) = Self.readable(key.options)
                    try self.take(words, into: &options)
                    var answer = await self.change(actor) { act, then in
                        self.ledger.keys.set(options: options.line, of: key.id, by: act, then: then)
                    }
                    if answer.status == .done, !lost.isEmpty {
                        answer.lines.append("left out, since this release cannot read it: \(lost.joined(separator: " "))")
                    }
                    return answer
                } catch {
                    return AdminAnswer(.data, lines: ["key \(name) \(error.text)"])
                }
            }
        }
    }

    /// Gives a key a new secret; those it has end after `overlap` seconds.
    func rotate(_ name: String, overlap: Int, by actor: String) async -> AdminAnswer {
        await turnstile.pass {
            await withKey(name) { key in
                guard let fresh = APIKey.generate(name: name), let digest = fresh.digest(under: self.keys.hash) else {
                    return AdminAnswer(.failed, lines: ["the system gives no random bytes"])
                }
                let end = WallClock.unixSeconds + overlap
                return await self.change(actor, ["key": fresh.fileLine, "end": Timestamp.rfc3339(end)]) { act, then in
                    self.ledger.keys.rotate(key.id, to: digest, oldValidUntil: end, by: act, then: then)
                }
            }
        }
    }

    /// Lets a key in, or not.
    func set(_ name: String, isEnabled: Bool, by actor: String) async -> AdminAnswer {
        await turnstile.pass {
            await withKey(name) { key in
                await self.change(actor) { act, then in
                    self.ledger.keys.set(isEnabled: isEnabled, of: key.id, by: act, then: then)
                }
            }
        }
    }

    /// Removes a key.
    func remove(_ name: String, by actor: String) async -> AdminAnswer {
        await turnstile.pass {
            await withKey(name, takesOverruled: true) { key in
                let answer = await self.write(actor) { act, then in self.ledger.keys.remove(key.id, by: act, then: then) }
                guard case .success(.done) = answer else { return Self.answer(to: answer) }
                self.keys.remove(KeyID(stored: key.id))
                self.hasChanged()
                self.hasRemoved(KeyID(stored: key.id))
                return AdminAnswer(.done)
            }
        }
    }

    // MARK: - Looking

    /// What is known of a key.
    func show(_ name: String) async -> AdminAnswer {
        let now = WallClock.unixSeconds
        if let principal = keys.configured(named: name) {
            return AdminAnswer(.done, lines: [KeyRow(principal, at: now).json])
        }
        return await withKey(name) { key in
            AdminAnswer(.done, lines: [KeyRow(key, isOverruled: false, at: now).json])
        }
    }

    /// Some keys in the order of their names, those of the settings first; the field `next` says how to ask for more.
    func list(after place: String) async -> AdminAnswer {
        let now = WallClock.unixSeconds
        let mark = place.first.map(String.init) ?? Self.settingsMark
        let last = String(place.dropFirst())
        if mark == Self.settingsMark {
            let configured = keys.configured.filter { $0.name > last }.sorted { $0.name < $1.name }
            let page = configured.prefix(Self.pageRows)
            let next =
                page.count < configured.count ? Self.settingsMark + (page.last?.name ?? "") : Self.ledgerMark
            return AdminAnswer(.done, fields: ["next": next], lines: page.map { KeyRow($0, at: now).json })
        }
        do throws(LedgerFault) {
            let page = try await ask { self.ledger.keys.page(after: last, Self.pageRows, then: $0) }
            let next = page.count == Self.pageRows ? page.last.map { ["next": Self.ledgerMark + $0.name] } : nil
            return AdminAnswer(
                .done, fields: next ?? [:],
                lines: page.map { key in
                    KeyRow(key, isOverruled: self.keys.configured(named: key.name) != nil, at: now).json
                })
        } catch {
            return AdminAnswer(ledger: error)
        }
    }

    private static let pageRows = 500
    private static let settingsMark = "s"
    private static let ledgerMark = "l"

    // MARK: - Steps

    /// Why a name cannot be had; nil when the settings do not have it.
    private func refusal(ofName name: String) -> AdminAnswer? {
        guard let taken = keys.configured(named: name) else { return nil }
        let source = KeyRow(taken, at: 0).source
        return AdminAnswer(
            .data, fields: AdminAnswer.conflict, lines: ["key \(name) is one of the settings: change \(source) and reload"])
    }

    /// The key of the ledger with that name, for `body`; one that the settings overrule as well where it is only removed.
    private func withKey(
        _ name: String, takesOverruled: Bool = false, _ body: (StoredKey) async -> AdminAnswer
    ) async -> AdminAnswer {
        // Else an act would seem to have changed a key that goes on as the settings have it.
        if !takesOverruled, let refusal = refusal(ofName: name) { return refusal }
        do throws(LedgerFault) {
            if let key = try await ask({ self.ledger.keys.named(name, then: $0) }) { return await body(key) }
            return refusal(ofName: name) ?? AdminAnswer(.unknown, lines: ["there is no key \(quoted(name))"])
        } catch {
            return AdminAnswer(ledger: error)
        }
    }

    private func take(_ words: [String], into options: inout KeyOptions) throws(ValueProblem) {
        for word in words { try options.take(word, clears: true) }
        guard options.line.utf8.count <= Self.maxOptionBytes else { throw ValueProblem("has too many options") }
        if let problem = names()?.problem(of: options) {
            throw ValueProblem("names what there is not: \(problem)")
        }
    }

    /// The options of a key as far as they can be read, and the words that cannot.
    private static func readable(_ line: String) -> (KeyOptions, lost: [String]) {
        var (options, lost) = (KeyOptions(), [String]())
        for word in KeyOptions.split(line) ?? [line] {
            do throws(ValueProblem) { try options.take(word) } catch { lost.append(word) }
        }
        return (options, lost)
    }

    private typealias Change = (Act, @escaping @Sendable (Result<KeyChange, LedgerFault>) -> Void) -> Void

    /// Has the directory follow a change of the ledger, once that is on the disk; `fields` are what is told then.
    private func change(
        _ actor: String, _ fields: [String: String] = [:], _ change: Change
    ) async -> AdminAnswer {
        let outcome = await write(actor, change)
        guard case .success(.done(let key)) = outcome else { return Self.answer(to: outcome) }
        keys.take([LedgerKey(key)])
        hasChanged()
        return AdminAnswer(.done, fields: fields)
    }

    private func write(_ actor: String, _ change: Change) async -> Result<KeyChange, LedgerFault> {
        let act = Act(at: WallClock.unixSeconds, actor: actor)
        do throws(LedgerFault) { return .success(try await ask { change(act, $0) }) } catch { return .failure(error) }
    }

    private static func answer(to outcome: Result<KeyChange, LedgerFault>) -> AdminAnswer {
        switch outcome {
        case .success(.done): AdminAnswer(.done)
        case .success(.unknown): AdminAnswer(.unknown, lines: ["there is no such key any more"])
        case .success(.nameTaken):
            AdminAnswer(
                .data, fields: AdminAnswer.conflict, lines: ["there is a key of this name already; 'portcullis key rotate' gives it a new secret"])
        case .success(.secretTaken): AdminAnswer(.failed, lines: ["the system's random bytes repeat"])
        case .failure(let fault): AdminAnswer(ledger: fault)
        }
    }

    private func ask<Value: Sendable>(
        _ question: (@escaping @Sendable (Result<Value, LedgerFault>) -> Void) -> Void
    ) async throws(LedgerFault) -> Value {
        try await LedgerWait.ask(on: loop, waking: Wakeup(), question)
    }

    private static let maxOptionBytes = 16 << 10

    /// What nobody had before: 128 random bits.
    private static func newID() -> String { Base62.encode(Array(KeySecretHash.random().prefix(16)), digits: 22) }
}

extension AdminAnswer {
    /// The ledger could not do it.
    init(ledger fault: LedgerFault) {
        let isMomentary = fault == .busy || fault == .closed
        self.init(isMomentary ? .unavailable : .failed, lines: ["the ledger: \(fault)"])
    }
}
