import Platform

/// One wish for a reload, and what became of it. Confined to the service's loop.
final class ReloadRequest {
    /// Signalled when `faults` are known.
    let wakeup = Wakeup()
    /// Why it was refused; empty when it took effect, nil as long as it has not ended.
    var faults: [ConfigurationFault]?
}

extension Service {
    /// Does what administrators ask on the socket of the state directory, until the service ends.
    func answerControl(in stateDirectory: String) async {
        guard let site else { return }
        let keys = KeyAdministration(
            site.ledger, site.keys, on: loop, names: { GrantedNames(site.snapshot.servers, site.snapshot.configuration.accounts) },
            hasChanged: { site.endForeignProcesses() }, hasRemoved: { site.meters.forget($0) })
        // Each is told of a reload of its own.
        let reloads = Turnstile()
        let desk = AdminDesk(site.ledger, keys, on: loop, log: log)
        let socket: AdminSocket
        do throws(SystemError) {
            socket = try AdminSocket(in: stateDirectory, handed: inheritance.control, on: loop) { request, actor in
                await desk.answer(request, by: actor) { verb in
                    await reloads.pass { await self.change(verb) }
                }
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

    private func change(_ verb: AdminRequest.Verb) async -> AdminAnswer {
        let faults = verb == .upgrade ? await handOver() : await requestReload()
        return AdminAnswer(faults.isEmpty ? .done : .refused, lines: faults.map(\.description))
    }
}
