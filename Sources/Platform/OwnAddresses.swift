import Glibc

/// The addresses of this machine.
public enum OwnAddresses {
    /// Those of all its interfaces now.
    public static var current: Set<PeerAddress> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { return [] }
        defer { unsafe freeifaddrs(first) }
        var found: Set<PeerAddress> = []
        var next = unsafe first
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ifa_addr {
                let family = Int32(unsafe address.pointee.sa_family)
                let length = family == AF_INET ? MemoryLayout<sockaddr_in>.size : family == AF_INET6 ? MemoryLayout<sockaddr_in6>.size : 0
                var storage = sockaddr_storage()
                unsafe memcpy(&storage, address, length)
                if length > 0 { found.insert(PeerAddress(storage)) }
            }
            unsafe next = entry.pointee.ifa_next
        }
        return found
    }
}
