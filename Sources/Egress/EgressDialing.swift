import Platform

/// Finding a connection for a request: the addresses of its host, each checked, and connected to as it was checked, so that
/// a name that answers otherwise the next time is of no use.
struct EgressDialing {
    /// Why there is none.
    struct Failure: Error {
        /// Of the answer.
        let status: String
        let reason: String
    }

    let request: EgressRequest
    let lookup: HostLookup
    let connection: EgressConnection

    func socket() async -> Result<EgressSocket, Failure> {
        let room = connection.room
        let end = room.loop.now + room.limits.dial
        connection.alarm.deadline = end
        let search = lookup.search(request.host, waking: RemoteWakeup(connection.wakeup, on: room.loop))
        while search.answer == nil {
            guard !connection.isPointless else { return fail("502 Bad Gateway", "nobody waits") }
            guard !connection.alarm.isDue else { return fail("504 Gateway Timeout", "no name server answers for \(request.host)") }
            await connection.wakeup.wait()
        }
        guard case .success(let addresses)? = search.answer else {
            return fail("502 Bad Gateway", "\(request.host) cannot be looked up")
        }
        let open = addresses.filter(room.isPublic)
        guard !open.isEmpty else {
            return fail("403 Forbidden", "\(request.host) is not in the internet: this machine, its neighbours and its cloud are closed")
        }
        var reason = "does not answer"
        for address in open where room.loop.now < end {
            connection.alarm.deadline = min(end, room.loop.now + room.limits.connect)
            switch await connect(to: address) {
            case .success(let socket): return .success(socket)
            case .failure(let failure): reason = failure.reason
            }
            guard !connection.isPointless else { break }
        }
        return fail("502 Bad Gateway", "\(EgressRule.place(request.host, request.port)): \(reason)")
    }

    private func connect(to address: PeerAddress) async -> Result<EgressSocket, Failure> {
        let socket: EgressSocket
        do throws(SystemError) {
            socket = EgressSocket(
                try OutgoingSocket.connect(to: address, port: request.port), on: connection.room.loop, waking: connection.wakeup,
                isConnecting: true)
        } catch {
            return fail("", error.description)
        }
        while !socket.hasConnected {
            guard !connection.isPointless, !connection.alarm.isDue else {
                socket.close()
                return fail("", "does not answer")
            }
            await connection.wakeup.wait()
        }
        guard let failure = socket.failure else { return .success(socket) }
        socket.close()
        return fail("", failure.description)
    }

    private func fail(_ status: String, _ reason: String) -> Result<EgressSocket, Failure> {
        .failure(Failure(status: status, reason: reason))
    }
}
