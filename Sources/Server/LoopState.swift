import HTTP
package import Platform

/// What the connections of one loop share. Confined to the loop, so nothing of it is locked.
package final class LoopState {
    /// How the service's life goes on.
    package enum Phase { case serving, draining, ending }

    /// The loop.
    package let loop: EventLoop
    /// `draining`: connections close when they are idle. `ending`: jobs that still run are broken off.
    package private(set) var phase = Phase.serving
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var whenEmpty: (@Sendable () -> Void)?
    private var random: SplitMix64
    private var date: (second: UInt64, text: [UInt8]) = (.max, [])
    /// Output and body buffers of jobs that have ended, kept for their capacity.
    package var buffers = BufferPool()
    /// Rings when memory is to be given back.
    private var quiet: Alarm?
    /// Connections and jobs that have ended since memory was last given back.
    private var ended = 0

    /// The state of a loop that serves nothing yet.
    package init(on loop: EventLoop) {
        self.loop = loop
        var system = SystemRandomNumberGenerator()
        random = SplitMix64(seed: system.next())
    }

    /// The current `date` field's value, made once a second.
    var httpDate: [UInt8] {
        let second = loop.now.nanoseconds / 1_000_000_000
        if date.second != second { date = (second, HTTPDate.imfFixdate(unixSeconds: WallClock.unixSeconds)) }
        return date.text
    }

    /// A fresh identifier of 22 letters and digits behind `prefix`: unique, not secret.
    package func newIdentifier(_ prefix: StaticString = "") -> String {
        let start = prefix.utf8CodeUnitCount
        let identifier = Identifier(using: &random)
        return unsafe String(unsafeUninitializedCapacity: start + Identifier.count) { buffer in
            for index in 0..<start { unsafe buffer[index] = prefix.utf8Start[index] }
            for index in 0..<Identifier.count { unsafe buffer[start + index] = identifier.digits[index] }
            return start + Identifier.count
        }
    }

    /// The digits of a fresh identifier.
    package func newIdentifierDigits() -> Identifier { Identifier(using: &random) }

    /// Serves a connection until it ends.
    func serve(_ connection: Connection) {
        let id = ObjectIdentifier(connection)
        connections[id] = connection
        // Unstructured: a connection's life is its peer's, not the accepting task's. Only the dictionary holds it, so that
        // its socket and its place are free before anybody is told that the loop is empty.
        loop.spawn {
            await self.connections[id]?.run()
            self.remove(id)
        }
    }

    private func remove(_ id: ObjectIdentifier) {
        connections[id] = nil
        noteEnd()
        noticeEmpty()
    }

    /// Something that held memory is over. After a load, and once it is quiet, the memory is given back: the allocator
    /// alone would keep it for ever. After little it is given back too, later: few ends may have held much, and the last
    /// ones of a load are few.
    func noteEnd() {
        ended += 1
        guard let quiet else { return }
        if ended >= Self.manyEnds {
            ended = 0
            quiet.deadline = loop.now + .seconds(Self.quietSeconds)
        } else if quiet.deadline == nil {
            quiet.deadline = loop.now + .seconds(Self.restSeconds)
        }
    }

    /// Says what wakes whoever gives memory back, the first time when the start is over.
    func watchForQuiet(waking wakeup: Wakeup) -> Alarm {
        let alarm = Alarm(on: loop, waking: wakeup)
        alarm.deadline = loop.now + .seconds(Self.quietSeconds)
        quiet = alarm
        return alarm
    }

    private static let manyEnds = 256
    private static let quietSeconds = 2
    private static let restSeconds = 5

    /// Goes on to the next phase and wakes everybody, so that each sees it.
    func enter(_ phase: Phase) {
        self.phase = phase
        for connection in connections.values { connection.noticePhase() }
    }

    /// Calls back once the last connection has ended; no more are taken.
    func tellWhenEmpty(_ callback: @escaping @Sendable () -> Void) {
        whenEmpty = callback
        noticeEmpty()
    }

    private func noticeEmpty() {
        guard connections.isEmpty, let callback = whenEmpty.take() else { return }
        callback()
    }
}
