/// A few empty arrays with room in them.
package struct BufferPool {
    private var free: [[UInt8]] = []

    /// An empty buffer, with capacity where one was kept.
    package mutating func take() -> [UInt8] { free.popLast() ?? [] }

    /// Keeps a buffer that is no longer needed, unless it is large or there are enough.
    package mutating func give(_ buffer: consuming [UInt8]) {
        guard free.count < 16, buffer.capacity <= 64 << 10 else { return }
        buffer.removeAll(keepingCapacity: true)
        free.append(buffer)
    }
}
