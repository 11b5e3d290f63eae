import Synchronization

/// How long children have waited for memory whose own groups had none left for them.
///
/// The group above counts that as waiting like any other, though it says nothing of how much there is for others. The
/// kernel does not tell for what a group waits: one that has met its bound counts with all its waits, and only those of
/// others tell of a shortage.
final class MemoryWaits: Sendable {
    private struct Book {
        var groups: Set<String> = []
        /// Of groups that are gone.
        var past = 0
    }

    private let book = Mutex(Book())

    /// Counts for the group in the directory `path` from now on.
    func enter(_ path: String) { book.withLock { _ = $0.groups.insert(path) } }

    /// Keeps what was counted for a group that is gone now.
    func leave(_ path: String, after microseconds: Int) {
        book.withLock { if $0.groups.remove(path) != nil { $0.past += microseconds } }
    }

    /// For all of them, in microseconds.
    var microseconds: Int {
        book.withLock { book in book.groups.reduce(book.past) { $0 + Self.ofOwnMaking(in: $1) } }
    }

    /// What the processes of a group have waited, in microseconds, where it has met its bound; else nothing.
    static func ofOwnMaking(in path: String) -> Int {
        let events = MachineLoad.text(of: path + "/memory.events").split(separator: "\n")
        guard let met = events.first(where: { $0.hasPrefix("max ") }), met != "max 0" else { return 0 }
        return waited(in: path + "/memory.pressure") ?? 0
    }

    /// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0": how long tasks have waited, in microseconds.
    static func waited(in path: String) -> Int? {
        let lines = MachineLoad.text(of: path).split(separator: "\n")
        guard let some = lines.first(where: { $0.hasPrefix("some ") }) else { return nil }
        return some.split(separator: " ").first { $0.hasPrefix("total=") }.flatMap { Int($0.dropFirst(6)) }
    }
}
