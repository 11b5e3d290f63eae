import CLinux
import Glibc

/// Signals as a descriptor that a loop reads, instead of handlers that interrupt anything anywhere.
public final class Signals {
    /// The descriptor, for watching.
    public var number: Int32 { descriptor.number }
    private let descriptor: FileDescriptor

    /// Blocks `signals` for this thread and every thread it starts afterwards, and ignores SIGPIPE.
    ///
    /// Call it in `main` before any thread is started.
    public init(_ signals: [Int32]) throws(SystemError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
        let number = unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard number >= 0 else { throw .last("signalfd") }
        descriptor = FileDescriptor(adopting: number)
    }

    /// The next signal that has arrived, or nil.
    public func next() -> Int32? {
        var info = signalfd_siginfo()
        let result = unsafe withUnsafeMutableBytes(of: &info) { unsafe descriptor.read(into: $0) }
        guard case .bytes = result else { return nil }
        return Int32(info.ssi_signo)
    }
}
