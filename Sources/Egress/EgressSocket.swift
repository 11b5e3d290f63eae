import Platform

/// One side of a connection through the proxy. Confined to its loop; to be closed.
final class EgressSocket {
    private var socket: FileDescriptor?
    private let number: Int32
    private let readiness: Readiness
    private let loop: EventLoop

    init(_ socket: consuming FileDescriptor, on loop: EventLoop, waking wakeup: Wakeup, isConnecting: Bool = false) {
        let number = socket.number
        self.number = number
        self.socket = consume socket
        self.loop = loop
        readiness = Readiness(number, on: loop, interest: .socket, waking: wakeup)
        // The first event tells that it is connected, or has failed.
        if isConnecting { readiness.writeWouldBlock() }
    }

    /// Closes it.
    func close() {
        guard socket != nil else { return }
        readiness.cancel()
        socket = nil
    }

    /// True once connecting has come to an end, good or bad.
    var hasConnected: Bool { readiness.isWritable }

    /// Why connecting has failed; nil where it has not.
    var failure: SystemError? { OutgoingSocket.failure(of: number) }

    /// True once both directions are at an end.
    var hasHungUp: Bool { readiness.hasHungUp }

    /// Reads what is there behind `bytes`.
    func read(onto bytes: inout [UInt8]) -> IOResult {
        guard readiness.isReadable else { return .wouldBlock }
        guard let result = unsafe socket?.read(into: loop.scratch) else { return .end }
        if case .bytes(let count) = result {
            unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]))
        }
        if result == .wouldBlock { readiness.readWouldBlock() }
        return result
    }

    /// Writes what fits.
    func write(_ bytes: ArraySlice<UInt8>) -> IOResult {
        guard readiness.isWritable else { return .wouldBlock }
        guard let result = socket?.write(bytes.span) else { return .end }
        if result == .wouldBlock { readiness.writeWouldBlock() }
        return result
    }

    /// Ends its sending side.
    func shutdownWriting() { socket?.shutdownWriting() }
}

/// What goes in one direction: nothing is read before what was read before it has left.
struct EgressStream {
    /// What a move came to.
    enum Step { case moved, blocked, broken }

    private var pending: [UInt8]
    private var start = 0
    private var hasEnded = false
    /// True once the end has been passed on.
    private(set) var isOver = false

    init(_ first: [UInt8]) { pending = first }

    /// Passes on what can be passed on now.
    mutating func move(from source: EgressSocket, to target: EgressSocket) -> Step {
        guard !isOver else { return .blocked }
        if start < pending.count { return write(to: target) }
        if hasEnded {
            target.shutdownWriting()
            isOver = true
            return .moved
        }
        pending.removeAll(keepingCapacity: true)
        start = 0
        switch source.read(onto: &pending) {
        case .bytes: return .moved
        case .wouldBlock: return .blocked
        case .end:
            hasEnded = true
            return .moved
        case .failed: return .broken
        }
    }

    private mutating func write(to target: EgressSocket) -> Step {
        switch target.write(pending[start...]) {
        case .bytes(let count):
            start += count
            return .moved
        case .wouldBlock: return .blocked
        case .end, .failed: return .broken
        }
    }
}
