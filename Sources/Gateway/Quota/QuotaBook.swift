import ClaudeCLI
import HTTP
import Models
import Platform
import Synchronization
import Vocabulary

/// The newest known usage limits of the account behind the gateway.
///
/// Shared by all loops, usable from any thread. It is written a few times in a turn at most and read for
/// every response, so the fields are made when the state changes and copied afterwards.
final class QuotaBook: Sendable {
    private struct Pages {
        var state = QuotaState()
        /// What the newest observation was made at; older ones, of turns that ran long, change nothing.
        var newest = Instant(nanoseconds: 0)
        /// Ready fields by family of models; "" is for answers that concern none.
        var fields: [String: ResponseFields] = [:]
    }

    private let pages = Mutex(Pages())
    private let known = Atomic(false)

    /// False while nothing is known; then there is nothing to send either.
    var isKnown: Bool { known.load(ordering: .relaxed) }

    /// Takes what the CLI told during a turn with `model`, which the vendor said at `observedAt`.
    func note(_ quotas: [Quota], model: String, observedAt: Instant, now: Int) {
        guard !quotas.isEmpty else { return }
        let age = Instant.now.microseconds(since: observedAt) / 1_000_000
        let family = ModelTraits.family(of: model)
        pages.withLock { pages in
            guard observedAt >= pages.newest else { return }
            pages.newest = observedAt
            for quota in quotas {
                pages.state.take(quota, family: family, observedAt: now - age)
            }
            pages.fields = [:]
            known.store(pages.state.isKnown, ordering: .relaxed)
        }
    }

    /// The fields for an answer that concerns models of `family`, or none; nil while nothing is known.
    func fields(for family: ModelFamily?, now: Int) -> ResponseFields? {
        guard isKnown else { return nil }
        return pages.withLock { pages in
            current(&pages, now)
            guard pages.state.isKnown else { return nil }
            let name = family?.rawValue ?? ""
            if let ready = pages.fields[name] { return ready }
            let fields = QuotaFields.fields(of: pages.state, for: family)
            pages.fields[name] = fields
            return fields
        }
    }

    /// What is known now.
    func state(now: Int) -> QuotaState {
        pages.withLock { pages in
            current(&pages, now)
            return pages.state
        }
    }

    /// Why a request for a model of `family` is not to be begun now; nil when it may be.
    func refusal(for family: ModelFamily?, overage: OveragePolicy, now: Int) -> Fault? {
        guard isKnown else { return nil }
        let rejection = pages.withLock {
            $0.state.rejection(for: family, refusingPaid: overage == .refuse, now: now)
        }
        guard let rejection else { return nil }
        return .usageLimit(
            rejection.claim, end: rejection.until, isPaid: rejection.isPaid,
            detail: "known before: \(rejection.claim)", now: now)
    }

    private func current(_ pages: inout Pages, _ now: Int) {
        guard pages.state.nextEnd <= now else { return }
        pages.state.drop(endedBy: now)
        pages.fields = [:]
        known.store(pages.state.isKnown, ordering: .relaxed)
    }
}

/// What of limits concerns one answer: the account's, or those of the caller's own key where it has some.
struct QuotaView {
    private(set) var book: QuotaBook
    /// The family of models that the answer is about; nil when it is about none.
    var family: ModelFamily?
    /// True where Codex may be the one who reads the answer.
    var tellsCodex = false

    /// The caller, where their key has limits of its own.
    private let limited: Principal?
    private let meters: Meters?
    /// True once the account itself has refused: then its windows are told, whatever the key's own are.
    private var isAccountRefusing = false
    /// What an answer was refused for: a share of the key's that is spent.
    var refused: KeyShare?

    init(_ book: QuotaBook, for principal: Principal? = nil, in meters: Meters? = nil) {
        self.book = book
        limited = principal.flatMap { $0.options.caps.isEmpty ? nil : $0 }
        self.meters = meters
    }

    /// The answer is about another account.
    mutating func turn(to book: QuotaBook) {
        guard book !== self.book else { return }
        self.book = book
        isAccountRefusing = false
    }

    /// The answer is about this model.
    mutating func concerns(model: String) { family = ModelTraits.family(of: model) }

    /// Takes what the CLI told at `observedAt` of a turn with `model`.
    mutating func note(_ quotas: [Quota], observedAt: Instant, model: String) {
        guard let newest = quotas.last else { return }
        book.note(quotas, model: model, observedAt: observedAt, now: WallClock.unixSeconds)
        // An answer that was refused for a limit tells of that limit.
        guard newest.isRejected else { return }
        isAccountRefusing = true
        guard let claim = newest.claim else { return }
        family = ModelFamily.named(in: claim) ?? family
    }

    /// Why such an answer is not to be begun now; nil when it may be.
    mutating func refusal(overage: OveragePolicy, now: Int) -> Fault? {
        let fault = book.refusal(for: family, overage: overage, now: now)
        if fault != nil { isAccountRefusing = true }
        return fault
    }

    /// Appends what is known.
    func append(to fields: inout ResponseFields, status: Int) {
        if let refused { return KeyShareFields.append(refused, isRefused: true, tellsCodex: tellsCodex, to: &fields) }
        if let limited, let meters {
            let moment = MeterMoment.current
            KeyShareFields.append(meters.rates(of: limited, at: moment), now: moment.now, to: &fields)
            if !isAccountRefusing, let share = meters.share(of: limited, at: moment) {
                // Beside a refusal for something else Claude Code would take the share for its reason.
                guard status != 429 else { return }
                return KeyShareFields.append(share, isRefused: false, tellsCodex: tellsCodex, to: &fields)
            }
        }
        guard book.isKnown, let own = book.fields(for: family, now: WallClock.unixSeconds) else { return }
        fields.append(contentsOf: own)
        if tellsCodex { CodexQuotaFields.append(book.state(now: WallClock.unixSeconds), to: &fields) }
    }
}
