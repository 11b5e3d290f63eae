import Synchronization

/// A token that one child holds in place of a credential; good for as long as this lives.
package final class RelayToken: Sendable {
    /// What the child is told.
    package let text: String
    private let pass: RelayPass
    private let book: TokenBook

    fileprivate init(_ text: String, _ pass: RelayPass, in book: TokenBook) {
        self.text = text
        self.pass = pass
        self.book = book
    }

    deinit { book.revoke(pass) }
}

/// What a token opens.
final class RelayPass: Sendable {
    let route: RelayRoute
    private let revoked = Atomic(false)
    private let connections = Atomic(0)
    /// More at once are more than any child has to ask.
    static let maximumConnections = 32

    init(_ route: RelayRoute) { self.route = route }

    /// True once the child it was made for has ended.
    var isRevoked: Bool { revoked.load(ordering: .relaxed) }

    fileprivate func revoke() { revoked.store(true, ordering: .relaxed) }

    /// Counts a connection that has shown its token; false, and nothing counted, where there are too many.
    func begin() -> Bool {
        if connections.add(1, ordering: .relaxed).newValue <= Self.maximumConnections { return true }
        end()
        return false
    }

    /// The connection has ended.
    func end() { connections.subtract(1, ordering: .relaxed) }
}

/// The tokens of all children that live. May be used from any thread.
package final class TokenBook: Sendable {
    private let table = TokenTable<RelayPass>(prefix: "portcullis-child-")

    /// A book without tokens.
    package init() {}

    /// A token for one child whose requests go along `route`.
    package func issue(for route: RelayRoute) -> RelayToken {
        let pass = RelayPass(route)
        return RelayToken(table.issue(for: pass), pass, in: self)
    }

    /// What a token opens; nil for one that is not in the book.
    func pass(of token: ArraySlice<UInt8>) -> RelayPass? { table.pass(of: token) }

    /// How many children hold one.
    package var count: Int { table.count }

    fileprivate func revoke(_ pass: RelayPass) {
        pass.revoke()
        table.remove(pass)
    }
}
