import CLinux
import Glibc

/// The journal's own socket, which takes entries of fields (systemd.journal-fields(7)).
public final class JournalSocket: Sendable {
    private let socket: FileDescriptor
    private let path: String

    /// Of this machine's journal, unless another path is given; nil where no socket can be made.
    public init?(path: String = "/run/systemd/journal/socket") {
        let number = linux_datagram_socket()
        guard number >= 0 else { return nil }
        socket = FileDescriptor(adopting: number)
        self.path = path
    }

    /// Sends an entry: lines `NAME=value`, of which no value has a line end. False when it was not taken at once.
    public func send(_ entry: [UInt8]) -> Bool {
        guard var address = try? Listener.unixAddress(path) else { return false }
        let sent = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe entry.withUnsafeBytes {
                    unsafe sendto(
                        socket.number, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), address,
                        socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        return sent == entry.count
    }
}
