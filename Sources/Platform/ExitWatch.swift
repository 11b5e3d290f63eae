import CLinux
import Glibc

/// The ends of processes that nobody's loop watches: one descriptor becomes readable when one of them has ended.
///
/// Descriptors may be added from any thread. One leaves by itself when it is closed.
public final class ExitWatch: Sendable {
    private let epoll: FileDescriptor

    /// A watch over nothing.
    public init() throws(SystemError) {
        let number = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard number >= 0 else { throw .last("epoll_create1") }
        epoll = FileDescriptor(adopting: number)
    }

    /// Watches the descriptor of a process; without effect where it is watched already.
    public func add(_ number: Int32) { _ = linux_epoll_add(epoll.number, number, EPOLLIN.rawValue | EPOLLET.rawValue) }

    /// Stops watching one that is about to be watched by somebody else.
    public func remove(_ number: Int32) { _ = linux_epoll_remove(epoll.number, number) }

    /// Readable when one of them has ended since `clear`.
    public var number: Int32 { epoll.number }

    /// Takes note of all ends so far.
    public func clear() {
        var events = unsafe [epoll_event](repeating: epoll_event(), count: 64)
        while unsafe epoll_wait(epoll.number, &events, 64, 0) == 64 {}
    }
}
