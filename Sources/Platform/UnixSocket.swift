import CLinux
import Glibc

/// What Unix sockets have beside others: the client's side for programs that may wait, and who is at the other end.
public enum UnixSocket {
    /// The user at the other end of a connected socket; nil when the kernel does not say.
    public static func peerUser(of number: Int32) -> UInt32? {
        var user: UInt32 = 0
        return unsafe linux_peer_user(number, &user) == 0 ? user : nil
    }


    /// Connects to the socket at `path`; reads and writes on it wait, each at most `seconds`.
    ///
    /// The error is the system's: `ENOENT` where there is no such file, `ECONNREFUSED` where nobody listens.
    public static func connect(to path: String, waiting seconds: Int) throws(SystemError) -> FileDescriptor {
        var storage = try Listener.unixAddress(path)
        let number = linux_stream_socket(AF_UNIX, 1)
        guard number >= 0 else { throw .last("socket") }
        let made = FileDescriptor(adopting: number)
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = unsafe setsockopt(number, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let result = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw .last("connect to \(path)") }
        return made
    }
}
