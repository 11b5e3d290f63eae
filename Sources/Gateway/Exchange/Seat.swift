import Platform
import Server

/// Where a request is served: its loop's share of the gateway, and who asks.
///
/// Nothing of it is a socket, so that a test can seat a request without one.
struct Seat {
    let desk: Desk
    private let caller: any Caller

    init(at desk: Desk, for caller: any Caller) {
        self.desk = desk
        self.caller = caller
    }

    var site: Site { desk.site }
    var state: LoopState { desk.state }
    var loop: EventLoop { state.loop }
    /// How the service's life goes on, as this loop knows it.
    var phase: LoopState.Phase { state.phase }
    /// The address of who asks.
    var client: PeerAddress { caller.peer }

    /// A key was shown that is good.
    func noteAuthenticated() { caller.noteAuthenticated() }
}
