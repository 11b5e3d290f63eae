import Platform
import Server

extension Site: Application {
    var terms: Terms {
        let snapshot = snapshot
        let proxies = snapshot.configuration.proxies
        return Terms(
            snapshot.wire, tls: snapshot.tls, trustedProxies: proxies.trusted, hasProxyHeaders: proxies.header == .v2)
    }

    func responder(on state: LoopState) -> any Responder { Desk(self, on: state) }

    func hear(_ event: ServerEvent) {
        switch event {
        case .refused(let reason, let peer):
            log.write(.debug) { line in
                line.add("event", "refused")
                if let peer { line.add("addr", peer.text) }
                line.add("fault", Self.words(for: reason))
            }
        case .noHandshake(_, let peer, let reason):
            // For whoever looks why a client cannot connect; scanners of a public port would fill a log with it.
            log.write(.debug) { line in
                line.add("event", "handshake")
                line.add("addr", peer.text)
                line.add("fault", reason)
            }
        case .noSession(let reason): log.warning("TLS: \(reason)")
        }
    }

    private static func words(for reason: ConnectionRefusal) -> String {
        switch reason {
        case .total: "MAX_CONNECTIONS is reached"
        case .network: "MAX_CONNECTIONS_PER_ADDRESS is reached"
        case .unauthenticated: "MAX_UNAUTHENTICATED_PER_ADDRESS connections of this network have shown no key yet"
        case .exhausted: "no descriptor is left"
        }
    }
}
