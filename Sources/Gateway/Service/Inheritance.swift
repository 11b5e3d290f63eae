import Glibc
import Platform

/// What was passed on to this process, by its name: sockets of socket units, sockets of an earlier life that the service
/// manager has kept, and what the process hands over whose place this one takes.
struct Inheritance {
    /// Sockets of socket units: those to serve on, and those on which metrics are told. They are the units', whatever
    /// LISTEN says.
    private(set) var serving: [HandedDescriptor] = []
    private(set) var telling: [HandedDescriptor] = []
    /// Sockets that an earlier life of this service bound.
    private(set) var kept: [HandedDescriptor] = []
    /// Of the process whose place this one takes: the way to it, its administrative socket, and the lock of its state
    /// directory. Nil at every other start.
    private(set) var link: Int32?
    private(set) var control: Int32?
    private(set) var lock: Int32?
    /// What it cannot be.
    private(set) var fault: ConfigurationFault?

    /// Sorts what was passed on.
    init(_ inherited: [HandedDescriptor]) {
        for each in inherited {
            switch each.name {
            case Self.linkName: link = each.number
            case Self.controlName: control = each.number
            case Self.lockName: lock = each.number
            case Self.metricsName: telling.append(each)
            case let name where name.hasPrefix(Self.keptPrefix): kept.append(each)
            case let name where Self.servingNames.contains(name) || name.hasSuffix(".socket"): serving.append(each)
            default:
                fault = ConfigurationFault(
                    "LISTEN_FDNAMES", "\(quoted(each.name)) is no name of a socket here; FileDescriptorName= takes https and metrics")
            }
        }
        for each in serving + telling + kept where !Systemd.isListeningSocket(each.number) {
            fault = fault ?? ConfigurationFault("LISTEN_FDS", "descriptor \(each.number) is no listening stream socket")
        }
    }

    /// Sockets of socket units.
    var ofUnits: [HandedDescriptor] { serving + telling }

    /// What is handed to a successor beside sockets.
    static func ties(link: Int32, control: Int32, lock: Int32) -> [HandedDescriptor] {
        [
            HandedDescriptor(link, name: linkName), HandedDescriptor(control, name: controlName),
            HandedDescriptor(lock, name: lockName),
        ]
    }

    /// Sockets that this service has bound, under the names by which they are found again; without those for whose names
    /// there is no room.
    static func keeping(_ listeners: [Listener]) -> [HandedDescriptor] {
        var found: [HandedDescriptor] = []
        for listener in listeners {
            guard let address = listener.address else { continue }
            let name = keptPrefix + String(address.description.map { $0 == ":" ? "/" : $0 })
            guard name.utf8.count <= 255, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { continue }
            found.append(HandedDescriptor(listener.number, name: name))
        }
        return found
    }

    /// `unknown`: the service manager's word where nothing was given a name.
    private static let servingNames: Set = ["https", "http", "unknown", ""]
    private static let metricsName = "metrics"
    private static let keptPrefix = "kept."
    private static let linkName = "portcullis-link"
    private static let controlName = "portcullis-control"
    private static let lockName = "portcullis-lock"
}
