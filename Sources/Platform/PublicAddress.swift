/// Which addresses are somewhere in the internet: not this machine, nor its neighbours, nor what a cloud has for its machines.
public enum PublicAddress {
    /// True for an address that a run may be connected to.
    public static func isPublic(_ address: PeerAddress) -> Bool {
        guard !address.isUnix, !closed.contains(where: { $0.contains(address) }) else { return false }
        // Of the others of IPv6 none is given to anybody, or they stand for addresses of IPv4.
        return address.text.contains(":") ? unicast.contains { $0.contains(address) } : true
    }

    private static let unicast = ["2000::/3"].compactMap { AddressRange($0) }

    private static let closed = [
        // This network, private, shared, loopback, link-local with the metadata services of clouds, private.
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        // Of protocols, for documents, for 6to4, for benchmarks, multicast, reserved (RFC 6890).
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        // A cloud's service for its machines, at an address like any other.
        "168.63.129.16/32",
        // Of protocols and tunnels, in which an address of IPv4 may be hidden, and for documents.
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ].compactMap { AddressRange($0) }
}
