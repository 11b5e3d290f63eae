import Synchronization

/// Something that needs the operator for as long as it lasts, while the service goes on.
struct Problem: Sendable, Equatable {
    /// What it is about; the raw values are the words of `/health`.
    enum Subject: String, Sendable, CaseIterable {
        /// A certificate has expired, is about to, or is not valid yet.
        case certificate
        /// The CLI is not logged in, or will not be for long.
        case login
        /// The CLI's program cannot be used as it was.
        case cli
        /// What should be on the disk cannot be brought there.
        case storage
        /// Memory is short.
        case memory
    }

    let subject: Subject
    /// One sentence with the remedy; never a secret.
    let text: String
}

/// The problems of the moment, shared by all loops: what STATUS and `/health` show beside what runs well.
final class Problems: Sendable {
    private let listed = Mutex<[Problem]>([])
    private let changes = Atomic(0)

    /// All of them, in the order of their subjects.
    var current: [Problem] { listed.withLock { $0 } }

    /// Another number whenever the list has changed.
    var generation: Int { changes.load(ordering: .relaxed) }

    /// Takes what is wrong with one subject now; returns what has come and what is over since the last time.
    func replace(_ subject: Problem.Subject, with texts: [String]) -> (begun: [Problem], over: [Problem]) {
        let fresh = texts.map { Problem(subject: subject, text: $0) }
        return listed.withLock { listed in
            let old = listed.filter { $0.subject == subject }
            guard old != fresh else { return ([], []) }
            let all = listed.filter { $0.subject != subject } + fresh
            listed = Problem.Subject.allCases.flatMap { subject in all.filter { $0.subject == subject } }
            changes.add(1, ordering: .relaxed)
            return (fresh.filter { !old.contains($0) }, old.filter { !fresh.contains($0) })
        }
    }
}
