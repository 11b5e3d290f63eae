import Platform
import TLS

/// Finding a connection to a vendor: one that was kept, or a new one to the first of its addresses that answers.
struct Dialing {
    let route: RelayRoute
    let room: RelayRoom
    let connection: RelayConnection

    /// A link that can be used now; nil when there is none in time, or the child has gone meanwhile.
    func link() async -> UpstreamLink? {
        let loop = room.loop
        if let link = room.pool.take(to: route.destination, at: loop.now) {
            link.watch(waking: connection.wakeup)
            return link
        }
        let end = loop.now + room.limits.dial
        connection.alarm.deadline = end
        let search = room.lookup.search(route.host, waking: RemoteWakeup(connection.wakeup, on: loop))
        while search.answer == nil {
            guard !connection.hasHungUp else { return nil }
            guard !connection.alarm.isDue else { return fail("no name server answers") }
            await connection.wakeup.wait()
        }
        guard case .success(let addresses)? = search.answer else {
            if case .failure(let fault)? = search.answer { return fail(fault.problem) }
            return nil
        }
        var reason = ""
        for address in addresses where loop.now < end {
            connection.alarm.deadline = min(end, loop.now + room.limits.connect)
            switch await connect(to: address) {
            case .success(let link): return link
            case .failure(let failure): reason = failure.reason
            }
            guard !connection.hasHungUp else { return nil }
        }
        return fail(reason)
    }

    private struct Failure: Error {
        let reason: String
    }

    private func connect(to address: PeerAddress) async -> Result<UpstreamLink, Failure> {
        let link: UpstreamLink
        do {
            let socket = try OutgoingSocket.connect(to: address, port: route.port)
            link = try UpstreamLink(socket, along: route, on: room.loop, waking: connection.wakeup)
        } catch let error as SystemError {
            return .failure(Failure(reason: error.description))
        } catch {
            return .failure(Failure(reason: "no TLS"))
        }
        while !link.hasConnected {
            if let failure = stop("does not answer") { return .failure(failure) }
            await connection.wakeup.wait()
        }
        if let failure = link.failure { return .failure(Failure(reason: failure.description)) }
        while true {
            switch link.handshake() {
            case .bytes: return .success(link)
            case .ended, .broken:
                return .failure(Failure(reason: link.certificateProblem.map { "its certificate: \($0)" } ?? "the TLS handshake failed"))
            case .waits:
                if let failure = stop("the TLS handshake takes too long") { return .failure(failure) }
                await connection.wakeup.wait()
            }
        }
    }

    private func stop(_ reason: String) -> Failure? {
        connection.hasHungUp || connection.alarm.isDue ? Failure(reason: reason) : nil
    }

    private func fail(_ reason: String) -> UpstreamLink? {
        room.events.note(.unreachable)
        room.events.tell("\(route.host):\(route.port): \(reason)")
        return nil
    }
}
