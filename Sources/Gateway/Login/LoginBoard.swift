import Platform
import Synchronization
import Vocabulary

/// What all loops share of the CLI's login: what is known of it, and what turns find out. May be used from any thread.
final class LoginBoard: Sendable {
    private struct Content {
        var word = LoginState.Word.unknown
        var trouble: LoginTrouble?
        /// True when something has happened that calls for another look.
        var isLookWanted = true
        var wakeup: RemoteWakeup?
    }

    private let content = Mutex(Content())
    /// Whether there is trouble: asked at the end of every answer.
    private let isTroubled = Atomic(false)

    /// The word of `/health`.
    var word: LoginState.Word { content.withLock { $0.word } }

    /// What the newest turns met.
    var trouble: LoginTrouble? { content.withLock { $0.trouble } }

    /// A turn has failed for the login.
    func hear(_ trouble: LoginTrouble) {
        isTroubled.store(true, ordering: .relaxed)
        ask { $0.trouble = trouble }
    }

    /// The vendor has answered a turn.
    func hearSuccess() {
        guard isTroubled.load(ordering: .relaxed) else { return }
        lookAnew()
    }

    /// Something else may be true now, as after a reload: what turns met before does not count.
    func lookAnew() {
        isTroubled.store(false, ordering: .relaxed)
        ask { $0.trouble = nil }
    }

    /// Whoever looks is woken by the next wish for it.
    func wake(_ wakeup: RemoteWakeup) { content.withLock { $0.wakeup = wakeup } }

    /// True when a look is wanted; it is granted with this.
    func takeWish() -> Bool {
        content.withLock { content in
            defer { content.isLookWanted = false }
            return content.isLookWanted
        }
    }

    /// Takes what a look has shown.
    func show(_ word: LoginState.Word) { content.withLock { $0.word = word } }

    private func ask(_ change: (inout Content) -> Void) {
        let wakeup = content.withLock { content in
            change(&content)
            content.isLookWanted = true
            return content.wakeup
        }
        wakeup?.signal()
    }
}
