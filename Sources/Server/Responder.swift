package import HTTP
package import Platform
package import TLS

/// What a server serves: the terms of its connections, and somebody on each loop who answers.
package protocol Application: Sendable {
    /// The terms of a connection that is accepted now.
    var terms: Terms { get }
    /// The places for connections; all loops share them.
    var limiter: ConnectionLimiter { get }
    /// Somebody who answers what the connections of one loop bring. Called once for each loop; what is returned is used
    /// on that loop alone.
    func responder(on state: LoopState) -> any Responder
    /// Counts what happens to connections; all loops share it.
    var events: ServerEvents { get }
    /// Hears what happens to connections before anybody can be asked. It has been counted. Called on any loop.
    func hear(_ event: ServerEvent)
}

extension Application {
    func note(_ event: ServerEvent) {
        events.note(event)
        hear(event)
    }
}

/// The terms that a connection keeps to its end.
package struct Terms: Sendable {
    let limits: WireLimits
    let tls: TLSContext?
    /// Who may say in whose name they ask.
    let trustedProxies: [AddressRange]
    /// True when they do so with a PROXY header at the beginning of each connection.
    let hasProxyHeaders: Bool

    /// Terms of encrypted connections, or of plain ones without a context.
    package init(
        _ limits: WireLimits, tls: TLSContext?, trustedProxies: [AddressRange] = [], hasProxyHeaders: Bool = false
    ) {
        self.limits = limits
        self.tls = tls
        self.trustedProxies = trustedProxies
        self.hasProxyHeaders = hasProxyHeaders
    }

    /// True for a proxy whose word on its clients counts.
    func trusts(_ peer: PeerAddress) -> Bool { trustedProxies.contains { $0.contains(peer) } }
}

/// Answers requests; confined to its loop.
package protocol Responder: AnyObject {
    /// Answers a request at once, or says what doing so takes.
    func answer(_ request: Request, from caller: any Caller) -> Answer
    /// The answer to what cannot be read as a request.
    func answer(unreadable fault: HTTPFault, from caller: any Caller) -> Response
}

/// What becomes of a request.
package enum Answer {
    /// It is answered at once; its body is not wanted.
    case whole(Response)
    /// The answer takes time, or the body.
    case job(any Job)
}

/// The work of one request.
package protocol Job {
    /// Does it; afterwards the client has been answered or is gone, and nothing of the work is left.
    func run(asked channel: any RequestChannel, answering writer: consuming ResponseWriter) async
}

/// Who asks, as the server knows them: a connection. Confined to its loop.
package protocol Caller: AnyObject {
    /// The other end of the connection, or whom a trusted proxy there has named in its PROXY header.
    var peer: PeerAddress { get }
    /// The trusted proxies, for a peer that is one of them: it may name others in its requests. Empty for all others.
    var trustedProxies: [AddressRange] { get }
    /// The certificate that the other end has shown and one of `CLIENT_CA` has signed; nil when there is none.
    var clientCertificate: ClientCertificate? { get }
    /// A key was shown that is good: the connection no longer counts as a stranger's.
    func noteAuthenticated()
}
