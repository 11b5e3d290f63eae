import Platform

/// What a request needs of the place where it is served: the site, and what all on its loop share.
///
/// A connection is one. Nothing of it is a socket, so that a test can seat a request without one.
protocol Seat: AnyObject {
    var site: Site { get }
    var state: LoopState { get }
    var peer: PeerAddress { get }
    /// A key was shown that is good.
    func noteAuthenticated()
}

extension Seat {
    var loop: EventLoop { state.loop }
    /// How the service's life goes on, as this loop knows it.
    var phase: LoopState.Phase { state.phase }
}

extension Connection: Seat {}
