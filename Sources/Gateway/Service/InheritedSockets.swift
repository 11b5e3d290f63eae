import Glibc

/// What the environment says of sockets that were passed on, before anything is opened.
enum InheritedSockets {
    /// Why the start is refused whose sockets are not there; nil where they are, or none were passed on: to listen
    /// somewhere else instead would not be noticed.
    ///
    /// Call it before a descriptor could have taken their places.
    static func fault(_ environment: [String: String]) -> ConfigurationFault? {
        guard environment["LISTEN_PID"] == "\(getpid())", let text = environment["LISTEN_FDS"] else { return nil }
        guard let count = Int32(text), (0...Int32(1024)).contains(count) else {
            return ConfigurationFault("LISTEN_FDS", "is no number of descriptors")
        }
        for number in 3..<3 + count where fcntl(number, F_GETFD) < 0 {
            return ConfigurationFault("LISTEN_FDS", "descriptor \(number) is not there")
        }
        return nil
    }
}
