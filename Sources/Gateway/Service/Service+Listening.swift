import Glibc
import Platform

extension Service {
    /// Plain HTTP, weak keys and open access are allowed by what LISTEN says, so a socket that was handed to us must not
    /// reach further; and sockets that were meant for another process are no reason to bind others instead.
    func checkInheritedSockets(_ configuration: Configuration) throws(ConfigurationFaults) {
        let environment = loader.environment
        if systemd.inherited.isEmpty, environment["LISTEN_FDS"] != nil, environment["LISTEN_PID"] != "\(getpid())" {
            throw ConfigurationFaults([ConfigurationFault("LISTEN_PID", "the sockets are another process's")])
        }
        for socket in inheritance.serving where configuration.isLocalOnly && !Listener.isLocal(socket.number) {
            throw ConfigurationFaults([
                ConfigurationFault(
                    "LISTEN", "the inherited socket \(socket.number) reaches beyond this machine; LISTEN must say so")
            ])
        }
    }

    static func places(of listeners: [Listener]) -> String {
        var places: [String] = []
        for listener in listeners { if let address = listener.address { places.append(address.description) } }
        return places.joined(separator: ", ")
    }

    func listeners(
        for index: Int, _ configuration: Configuration
    ) throws(SystemError) -> sending [Listener] {
        var listeners: [Listener] = []
        if !inheritance.serving.isEmpty {
            for socket in inheritance.serving {
                listeners.append(try Listener.sharing(socket.number, isTCP: Systemd.isTCP(socket.number)))
            }
            return listeners
        }
        let kept = KeptSockets(inheritance.kept.map(\.number), part: index, of: configuration.loopCount)
        for address in configuration.listeners {
            if case .unix = address, index > 0 { continue }
            listeners += try Listener.open(address, isFirst: index == 0, kept: kept)
        }
        return listeners
    }
}
