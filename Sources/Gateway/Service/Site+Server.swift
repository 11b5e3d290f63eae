import Platform
import Server

extension Site: Application {
    var terms: Terms {
        let snapshot = snapshot
        return Terms(snapshot.wire, tls: snapshot.tls)
    }

    func responder(on state: LoopState) -> any Responder { Desk(self, on: state) }

    func hear(_ event: ServerEvent) {
        switch event {
        case .refused(let peer):
            log.write(.debug) { line in
                line.add("event", "refused")
                line.add("addr", peer.text)
                line.add("fault", "MAX_CONNECTIONS or MAX_CONNECTIONS_PER_ADDRESS is reached")
            }
        case .noHandshake(let peer, let reason):
            // For whoever looks why a client cannot connect; scanners of a public port would fill a log with it.
            log.write(.debug) { line in
                line.add("event", "handshake")
                line.add("addr", peer.text)
                line.add("fault", reason)
            }
        case .noSession(let reason): log.warning("TLS: \(reason)")
        }
    }
}
