import Platform

/// One wish for a reload, and what became of it. Confined to the service's loop.
final class ReloadRequest {
    /// Signalled when `faults` are known.
    let wakeup = Wakeup()
    /// Why it was refused; empty when it took effect, nil as long as it has not ended.
    var faults: [ConfigurationFault]?
}

extension Service {
    /// Has a desk answer administrators from now on: whoever is let in over HTTP finds it open.
    func openDesk() {
        guard let site else { return }
        let keys = KeyAdministration(
            site.ledger, site.keys, on: loop, names: { GrantedNames(site.snapshot.servers, site.snapshot.configuration.accounts, site.snapshot.workspaces) },
            hasChanged: { site.endForeignProcesses() }, hasRemoved: { site.meters.forget($0) })
        desk = AdminDesk(site.ledger, keys, on: loop, log: log)
        // For requests on any loop.
        site.administration.open { await self.administer($0, by: $1) }
    }

    /// Does what administrators ask on the socket of the state directory, until the service ends.
    func answerControl(in stateDirectory: String) async {
        let socket: AdminSocket
        do throws(SystemError) {
            socket = try AdminSocket(in: stateDirectory, handed: inheritance.control, on: loop) { request, actor in
                await self.administer(request, by: actor)
            }
            administration = socket
        } catch {
            log.warning("commands cannot reach this service, SIGHUP can: \(error.description)")
            return
        }
        await socket.serve()
        administration = nil
        await endIfEmpty()
    }

    /// Does one thing for an administrator.
    private func administer(_ request: AdminRequest, by actor: String) async -> AdminAnswer {
        guard let desk else { return AdminAnswer(.unavailable, lines: ["the service is starting: try again"]) }
        // Each is told of a reload of its own.
        return await desk.answer(request, by: actor) { verb in await reloads.pass { await self.change(verb) } }
    }

    private func change(_ verb: AdminRequest.Verb) async -> AdminAnswer {
        let faults = verb == .upgrade ? await handOver() : await requestReload()
        return AdminAnswer(faults.isEmpty ? .done : .refused, lines: faults.map(\.description))
    }
}
