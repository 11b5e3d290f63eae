import Platform
import Vocabulary

/// Holds up who guesses keys, before the next guess is looked at.
struct KeyGate {
    private let failures: FailedKeys
    private let peer: PeerAddress
    private let now: Instant
    /// How many may fail at once; zero where everybody may ask, for then there is nothing to guess.
    private let allowance: Int

    init(_ context: AnswerContext) {
        let (site, configuration) = (context.seat.site, context.snapshot.configuration)
        failures = site.failedKeys
        peer = context.seat.client
        now = context.seat.loop.now
        allowance = configuration.keys.isRequired ? configuration.limits.failedKeysPerAddress : 0
    }

    /// Whether a key may be looked at now; what it is plays no part, unless it has opened from the same network lately.
    func check(_ key: ArraySlice<UInt8>) throws(Refusal) {
        guard let wait = failures.wait(of: peer, showing: key, allowance: allowance, at: now) else { return }
        var refusal = Refusal(
            .rateLimited,
            "Too many wrong API keys have come from this address; no key is looked at for \(Waiting.length(wait)).")
        refusal.retryAfterSeconds = wait
        throw refusal
    }

    /// Notes what became of a key that was looked at.
    func note(_ verdict: KeyDirectory.Verdict, of key: ArraySlice<UInt8>) {
        guard allowance > 0 else { return }
        if case .accepted = verdict {
            failures.noteSuccess(of: peer, showing: key, at: now)
        } else {
            failures.noteFailure(of: peer, showing: key, allowance: allowance, at: now)
        }
    }
}
