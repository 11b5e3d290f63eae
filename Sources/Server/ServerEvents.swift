package import Platform
import Synchronization
import TLS

/// Why a connection was closed before it could ask for anything.
package enum ConnectionRefusal: String, Error, Sendable, CaseIterable {
    /// There are as many connections as there may be.
    case total
    /// There are as many of its network.
    case network
    /// As many of its network have shown no key yet, and none has shown one or gone in time.
    case unauthenticated
    /// The process or the system is out of descriptors.
    case exhausted
}

/// What a handshake failed for.
package enum HandshakeFailure: String, Sendable, CaseIterable {
    /// The peer does not speak TLS.
    case notTLS = "not_tls"
    /// There is no version, cipher or protocol that both take.
    case noAgreement = "no_agreement"
    /// The peer has sent an alert: it does not take us, as when it does not know our certificate.
    case alert
    /// It was not complete in time.
    case timeout
    /// The peer has ended the connection.
    case cut
    /// A trusted proxy has not begun with the header that tells who asks.
    case proxyHeader = "proxy_header"
    /// Anything else.
    case other

    init(_ kind: TLSFault.Kind) {
        self =
            switch kind {
            case .notTLS: .notTLS
            case .noAgreement: .noAgreement
            case .alert: .alert
            case .cut: .cut
            case .other: .other
            }
    }
}

/// What happens to connections that no log line of a request tells.
package enum ServerEvent: Sendable {
    /// One was closed unread.
    case refused(ConnectionRefusal, PeerAddress?)
    /// A handshake failed; the text holds nothing secret.
    case noHandshake(HandshakeFailure, PeerAddress, String)
    /// OpenSSL could make no session.
    case noSession(String)
}

/// Counts what happens to the connections of all loops. Cheap enough to be counted always.
package final class ServerEvents: Sendable {
    private let accepted = Atomic(0)
    private let open = Atomic(0)
    private let streamsReset = Atomic(0)
    private let refused = Counters(ConnectionRefusal.allCases.count)
    private let handshakes = Counters(HandshakeFailure.allCases.count)
    private let unreadable = Counters(ServerCounts.statuses.count + 1)

    /// Nothing has happened yet.
    package init() {}

    /// What has happened until now.
    package var counts: ServerCounts {
        var counts = ServerCounts()
        counts.accepted = accepted.load(ordering: .relaxed)
        counts.open = open.load(ordering: .relaxed)
        counts.streamsReset = streamsReset.load(ordering: .relaxed)
        for (index, reason) in ConnectionRefusal.allCases.enumerated() { counts.refused[reason] = refused[index] }
        for (index, kind) in HandshakeFailure.allCases.enumerated() { counts.handshakesFailed[kind] = handshakes[index] }
        for (index, status) in ServerCounts.statuses.enumerated() { counts.unreadable[status] = unreadable[index] }
        counts.unreadable[0] = unreadable[ServerCounts.statuses.count]
        return counts
    }

    func note(_ event: ServerEvent) {
        switch event {
        case .refused(let reason, _): refused.add(ConnectionRefusal.allCases.firstIndex(of: reason))
        case .noHandshake(let failure, _, _): handshakes.add(HandshakeFailure.allCases.firstIndex(of: failure))
        case .noSession: handshakes.add(HandshakeFailure.allCases.firstIndex(of: .other))
        }
    }

    /// A connection was accepted, wherever it leads.
    func noteAccepted() { accepted.add(1, ordering: .relaxed) }

    /// A connection is served.
    func noteOpen() { open.add(1, ordering: .relaxed) }

    /// A connection is served no longer.
    func noteEnd() { open.subtract(1, ordering: .relaxed) }

    /// What came is no request, and was answered with a status.
    func noteUnreadable(_ status: Int) {
        unreadable.add(ServerCounts.statuses.firstIndex(of: status) ?? ServerCounts.statuses.count)
    }

    /// So many streams were reset, by either side.
    func noteReset(_ streams: Int) { streamsReset.add(streams, ordering: .relaxed) }
}

/// What has happened to connections since the start.
package struct ServerCounts: Sendable, Equatable {
    /// Accepted by the kernel and taken from it.
    package var accepted = 0
    /// Served now.
    package var open = 0
    /// Closed unread, by reason; every reason is there.
    package var refused: [ConnectionRefusal: Int] = [:]
    /// Handshakes that came to nothing, by kind; every kind is there.
    package var handshakesFailed: [HandshakeFailure: Int] = [:]
    /// What could not be read as a request, by the status of its answer; every one of `statuses` is there, and 0 for others.
    package var unreadable: [Int: Int] = [:]
    /// HTTP/2 streams that ended by a reset of either side.
    package var streamsReset = 0

    /// The statuses that a fault of HTTP may have.
    package static let statuses = [400, 405, 408, 413, 414, 417, 421, 431, 501, 505]
}

/// A few counters that any thread may raise.
private final class Counters: Sendable {
    private let values: [Counter]

    private final class Counter: Sendable {
        let value = Atomic(0)
    }

    init(_ count: Int) { values = (0..<count).map { _ in Counter() } }

    subscript(index: Int) -> Int { values[index].value.load(ordering: .relaxed) }

    func add(_ index: Int?) {
        if let index { values[index].value.add(1, ordering: .relaxed) }
    }
}
