import CLinux
import Glibc

/// Connections to others, made without waiting.
public enum OutgoingSocket {
    /// Begins to connect to a port of an Internet address.
    ///
    /// The socket does not block. It can be written once it is connected or has failed, which `failure` then tells.
    public static func connect(to address: PeerAddress, port: UInt16) throws(SystemError) -> FileDescriptor {
        guard let (address, length) = address.socketAddress(port: port) else {
            throw SystemError(code: EAFNOSUPPORT, call: "connect")
        }
        var storage = address
        let number = linux_stream_socket(Int32(storage.ss_family), 0)
        guard number >= 0 else { throw .last("socket") }
        let socket = FileDescriptor(adopting: number)
        setOption(number, IPPROTO_TCP.number, TCP_NODELAY, 1)
        let result = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe Glibc.connect(number, $0, length) }
        }
        guard result == 0 || errno == EINPROGRESS else { throw .last("connect") }
        return socket
    }

    /// Why connecting has failed; nil while it has not.
    public static func failure(of number: Int32) -> SystemError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return .last("getsockopt") }
        return code == 0 ? nil : SystemError(code: code, call: "connect")
    }
}

extension PeerAddress {
    /// What the kernel is told to connect to; nil for the other end of a Unix socket.
    func socketAddress(port: UInt16) -> (storage: sockaddr_storage, length: socklen_t)? {
        guard !isUnix else { return nil }
        var storage = sockaddr_storage()
        let isIPv4 = bytes.count == 4
        storage.ss_family = sa_family_t(isIPv4 ? AF_INET : AF_INET6)
        // Both families keep the port in the same place (ip(7), ipv6(7)).
        unsafe withUnsafeMutableBytes(of: &storage) { place in
            unsafe place.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            if isIPv4 {
                unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: bytes.low).bigEndian, toByteOffset: 4, as: UInt32.self)
            } else {
                unsafe place.storeBytes(of: bytes.high.bigEndian, toByteOffset: 8, as: UInt64.self)
                unsafe place.storeBytes(of: bytes.low.bigEndian, toByteOffset: 16, as: UInt64.self)
            }
        }
        return (storage, socklen_t(isIPv4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size))
    }
}
