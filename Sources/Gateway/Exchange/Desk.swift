import HTTP
import Platform
import Server

/// One loop's share of the gateway: answers what the loop's connections bring. Confined to the loop, so nothing of it is
/// locked.
final class Desk: Responder {
    let site: Site
    let state: LoopState
    /// The lists of models, as long as the configuration is the same.
    var modelLists = ModelLists()
    /// What `/health` answers, as long as nothing it tells has changed.
    private var health = HealthAnswer()

    init(_ site: Site, on state: LoopState) {
        self.site = site
        self.state = state
    }

    func answer(_ request: Request, from caller: any Caller) -> Answer {
        switch Endpoints.route(request, at: Seat(at: self, for: caller, asking: request)) {
        case .answer(let response): .whole(response)
        case .work(let work): .job(work)
        }
    }

    func answer(unreadable fault: HTTPFault, from caller: any Caller) -> Response {
        Endpoints.unreadable(fault, at: Seat(at: self, for: caller))
    }

    /// The answer to `/health` with an identifier of its own.
    func healthResponse() -> Response {
        refreshHealth()
        return health.response(identifier: state.newIdentifierDigits())
    }

    /// What `/health` tells.
    func healthBody() -> [UInt8] {
        refreshHealth()
        return health.body
    }

    private func refreshHealth() {
        let load = site.admission.load
        let uptime = state.loop.now.since(site.started).count / 1000
        // Read before the list: one that changes meanwhile is told by the next answer.
        let generation = site.generation
        let login = site.snapshot.accounts.login
        if !health.tells(uptime, load.running, load.waiting, generation, login) {
            health = HealthAnswer(
                uptime: uptime, running: load.running, waiting: load.waiting, cli: site.snapshot.cli, login: login,
                sandbox: SandboxState(site.snapshot.configuration.sandbox).word,
                relays: site.snapshot.configuration.relaysCredentials, controlGroups: ControlGroupState.current.word,
                problems: site.problems.current, generation: generation,
                dependsOnOrigin: site.snapshot.configuration.cors.dependsOnOrigin,
                protection: site.snapshot.protection)
        }
    }
}
