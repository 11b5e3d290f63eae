import Platform
import Synchronization

/// What names to listen on stood for when they were first looked up.
///
/// One memory for the life of a service: its sockets stay where they are, so that a reload neither waits for a name
/// server nor is refused because that answers otherwise by now.
final class HostNameMemory: Sendable {
    private static let patienceMilliseconds: Int32 = 10_000
    private let known = Mutex<[String: [String]]>([:])

    func addresses(of name: String) throws(HostNameFault) -> [String] {
        if let addresses = known.withLock({ $0[name] }) { return addresses }
        let addresses = try HostName.addresses(of: name, within: Self.patienceMilliseconds)
        known.withLock { $0[name] = addresses }
        return addresses
    }
}
