import Relay
import Synchronization

/// The right of one run to ask the proxy; good for as long as this lives.
package final class EgressGrant: Sendable {
    /// The proxy's address with the run's token, as programs are told it: `http://run:TOKEN@127.0.0.1:PORT`.
    package let url: String
    private let pass: EgressPass
    private let table: TokenTable<EgressPass>

    init(_ rule: EgressRule, in table: TokenTable<EgressPass>, port: UInt16) {
        pass = EgressPass(rule)
        self.table = table
        url = "http://run:\(table.issue(for: pass))@127.0.0.1:\(port)"
    }

    deinit {
        pass.revoke()
        table.remove(pass)
    }

    /// How many connections were made for it, and how many were refused.
    package var counts: (made: Int, refused: Int) { (pass.made.load(ordering: .relaxed), pass.refused.load(ordering: .relaxed)) }

    /// What has kept its programs from where they wanted since this was last asked, each reason once and not all of many.
    package func takeObstacles() -> [EgressObstacle] {
        pass.obstacles.withLock { obstacles in
            defer { obstacles = [] }
            return obstacles
        }
    }
}

/// Why a program of a run has not got where it wanted. Most of them tell their users no more of it than a status.
package struct EgressObstacle: Sendable, Equatable {
    /// In words, for the model.
    package let reason: String
    /// True where it may not get there, false where nobody answers.
    package let isRefusal: Bool
}

/// What a token opens.
final class EgressPass: Sendable {
    let rule: EgressRule
    let made = Atomic(0)
    let refused = Atomic(0)
    fileprivate let obstacles = Mutex<[EgressObstacle]>([])
    private let revoked = Atomic(false)

    init(_ rule: EgressRule) { self.rule = rule }

    /// True once the run it was made for has ended.
    var isRevoked: Bool { revoked.load(ordering: .relaxed) }

    /// Remembers why a connection was not made.
    func note(_ obstacle: EgressObstacle) {
        if obstacle.isRefusal { refused.add(1, ordering: .relaxed) }
        obstacles.withLock { obstacles in
            if obstacles.count < Self.mostObstacles, !obstacles.contains(obstacle) { obstacles.append(obstacle) }
        }
    }

    /// The most that are told of at once.
    private static let mostObstacles = 8

    fileprivate func revoke() { revoked.store(true, ordering: .relaxed) }
}
