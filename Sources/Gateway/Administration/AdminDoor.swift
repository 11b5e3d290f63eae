import Synchronization

/// The way to the service's ``AdminDesk`` from every loop, for as long as this process is the one that serves.
final class AdminDoor: Sendable {
    /// Does what was asked on the loop that the desk is confined to.
    typealias Answering = @Sendable (AdminRequest, _ actor: String) async -> AdminAnswer

    private let answering = Mutex<Answering?>(nil)

    /// Has requests answered from now on.
    func open(_ answering: @escaping Answering) { self.answering.withLock { $0 = answering } }

    /// Answers no more of them: another process does, and only its keys would follow.
    func close() { answering.withLock { $0 = nil } }

    /// Does what was asked, for an actor's label.
    func answer(_ request: AdminRequest, by actor: String) async -> AdminAnswer {
        guard let answering = answering.withLock({ $0 }) else {
            return AdminAnswer(.unavailable, lines: ["the service is starting, ending or being upgraded: try again"])
        }
        return await answering(request, actor)
    }
}
