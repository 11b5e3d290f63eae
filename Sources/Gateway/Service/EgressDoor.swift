import ClaudeCLI
import Egress
import Platform

extension EgressGrant: AgentWay {
    func takeReasons() -> [WayReason] {
        takeObstacles().map { WayReason(text: $0.reason, isDenial: $0.isRefusal) }
    }
}

/// The way of runs into the internet.
enum EgressDoor {
    /// A proxy that is open.
    static func open(on loop: EventLoop) throws(ConfigurationFaults) -> EgressProxy {
        do throws(SystemError) {
            let proxy = try EgressProxy(on: loop)
            proxy.start()
            return proxy
        } catch {
            throw ConfigurationFaults([ConfigurationFault("WORKSPACES", "the way into the network: \(error.description)")])
        }
    }

    /// What opens a way by it; without one there is none.
    static func opener(_ proxy: EgressProxy?) -> AgentGround.Opener {
        { network in
            switch network {
            case .none: nil
            case .open: proxy?.grant(.anyHost)
            case .hosts(let hosts): proxy?.grant(EgressRule(hosts: hosts))
            }
        }
    }
}
