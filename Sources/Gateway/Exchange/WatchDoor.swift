import HTTP
import Platform
import Server
import Synchronization

/// The address for those who watch the service: plain HTTP, no key, and nothing but numbers.
///
/// It stays open until the service's end, so that a balancer hears that the service is ending.
final class WatchDoor: Application {
    private let site: Site
    let events = ServerEvents()
    let limiter = ConnectionLimiter(ConnectionLimiter.Limits(total: 64, perNetwork: 64, unauthenticatedPerNetwork: 64))

    init(_ site: Site) { self.site = site }

    var terms: Terms { Terms(site.snapshot.wire, tls: nil) }

    func responder(on state: LoopState) -> any Responder { WatchDesk(Desk(site, on: state)) }

    func hear(_ event: ServerEvent) {}
}

/// Answers at the address for watchers. Confined to its loop.
final class WatchDesk: Responder {
    private let desk: Desk

    init(_ desk: Desk) { self.desk = desk }

    func answer(_ request: Request, from caller: any Caller) -> Answer {
        // No key will be shown.
        caller.noteAuthenticated()
        return .whole(Endpoints.watch(request, at: Seat(at: desk, for: caller)))
    }

    func answer(unreadable fault: HTTPFault, from caller: any Caller) -> Response {
        Endpoints.unreadable(fault, at: Seat(at: desk, for: caller))
    }
}
