import Synchronization

/// When the certificates end that are shown to clients. May be used from any thread.
final class CertificateBoard: Sendable {
    struct Entry: Sendable, Equatable {
        /// The file of the chain.
        let file: String
        /// In Unix seconds.
        let end: Int
    }

    private let entries = Mutex<[Entry]>([])

    var current: [Entry] { entries.withLock { $0 } }

    /// Takes those that are shown from now on.
    func show(_ entries: [Entry]) { self.entries.withLock { $0 = entries } }
}
