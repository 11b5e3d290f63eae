import CLinux
import Glibc

/// Whether one descriptor can be read and written now, kept up to date by its loop.
///
/// Readiness is optimistic: try first, and say so when the call would have blocked. Edge-triggered; confined to
/// its loop. Cancel it before the descriptor is closed.
public final class Readiness {
    /// What a descriptor is watched for.
    public enum Interest: Sendable {
        /// A socket: reading, hang-up, and writing once a write has blocked.
        case socket
        /// A pipe end, listener or pidfd that is only read.
        case reading
        /// A pipe end that is only written.
        case writing
    }

    /// True until a read has reported that it would block.
    public private(set) var isReadable = true
    /// True until a write has reported that it would block.
    public private(set) var isWritable = true
    /// True once the peer has closed its side or the connection is broken.
    public private(set) var hasHungUp = false

    private let number: Int32
    private let loop: EventLoop
    private let interest: Interest
    private let wakeup: Wakeup
    private var isWatchingWrites: Bool
    private var isRegistered: Bool

    /// Watches a descriptor on a loop; every change signals `wakeup`.
    ///
    /// A descriptor that epoll refuses (a regular file) is always ready.
    public init(_ number: Int32, on loop: EventLoop, interest: Interest, waking wakeup: Wakeup) {
        self.number = number
        self.loop = loop
        self.interest = interest
        self.wakeup = wakeup
        isWatchingWrites = interest == .writing
        isRegistered = true
        isRegistered = loop.watch(number, events: events, by: self)
    }

    /// Call when a read returned `.wouldBlock`: it is readable again once the loop says so.
    public func readWouldBlock() { isReadable = false }

    /// Call when a read from a pipe brought less than there was room for: then it is empty (epoll(7)). Of its end the loop
    /// tells anew, unless it has done so already: then that is still to be read.
    public func readWasShort() { if !hasHungUp { isReadable = false } }

    /// Has the descriptor tried once more: something else tells that there may be bytes of which the loop has not heard.
    public func readAgain() { isReadable = true }

    /// Call when a write returned `.wouldBlock`: it is writable again once the loop says so.
    public func writeWouldBlock() {
        isWritable = false
        guard !isWatchingWrites, isRegistered else { return }
        // Watching writes from the start would wake the loop at every acknowledgement of the peer.
        isWatchingWrites = true
        loop.rewatch(number, events: events)
    }

    /// Stops watching. The descriptor may be closed afterwards.
    public func cancel() {
        guard isRegistered else { return }
        isRegistered = false
        loop.unwatch(number)
    }

    /// Called by the loop with what epoll reported.
    func fire(_ reported: UInt32) {
        if reported & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { hasHungUp = true }
        if reported & ~EPOLLOUT.rawValue != 0 { isReadable = true }
        if reported & ~(EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 {
            isWritable = true
            if interest == .socket, isWatchingWrites {
                isWatchingWrites = false
                loop.rewatch(number, events: events)
            }
        }
        wakeup.signal()
    }

    private var events: UInt32 {
        let edge = EPOLLET.rawValue
        return switch interest {
        case .socket:
            edge | EPOLLIN.rawValue | EPOLLRDHUP.rawValue | (isWatchingWrites ? EPOLLOUT.rawValue : 0)
        case .reading: edge | EPOLLIN.rawValue
        case .writing: edge | EPOLLOUT.rawValue
        }
    }
}
