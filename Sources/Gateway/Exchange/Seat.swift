import HTTP
import Platform
import Server
import TLS

/// Where a request is served: its loop's share of the gateway, and who asks.
///
/// Nothing of it is a socket, so that a test can seat a request without one.
struct Seat {
    let desk: Desk
    private let caller: any Caller
    private let forwarded: ForwardedClient?

    /// A seat for a request, or for what could not be read as one.
    init(at desk: Desk, for caller: any Caller, asking request: Request? = nil) {
        self.desk = desk
        self.caller = caller
        let proxies = caller.trustedProxies
        forwarded =
            proxies.isEmpty
            ? nil
            : request.map { ForwardedClient(ForwardedFor.client($0, from: caller.peer, trusting: proxies)) }
    }

    var site: Site { desk.site }
    var state: LoopState { desk.state }
    var loop: EventLoop { state.loop }
    /// How the service's life goes on, as this loop knows it.
    var phase: LoopState.Phase { state.phase }
    /// The address of who asks, as trusted proxies tell it; else that of the connection's other end.
    var client: PeerAddress { forwarded?.address ?? caller.peer }

    /// The certificate that the client has shown; nil when there is none.
    var clientCertificate: ClientCertificate? { caller.clientCertificate }

    /// A key was shown that is good.
    func noteAuthenticated() { caller.noteAuthenticated() }
}

/// An address that a proxy has named. An object, as hardly any seat needs the room for one.
private final class ForwardedClient {
    let address: PeerAddress

    init(_ address: PeerAddress) { self.address = address }
}
