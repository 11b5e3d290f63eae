import HTTP
import Platform

/// What the connections of one loop share. Confined to the loop, so nothing of it is locked.
final class LoopState {
    /// How the service's life goes on.
    enum Phase { case serving, draining, ending }

    let loop: EventLoop
    /// `draining`: connections close when they are idle. `ending`: turns that still run are broken off.
    private(set) var phase = Phase.serving
    private var connections: [Int: Connection] = [:]
    private var lastID = 0
    private var random: SplitMix64
    private var date: (second: UInt64, text: [UInt8]) = (.max, [])
    /// Output and body buffers of exchanges that have ended, kept for their capacity.
    var buffers = BufferPool()
    /// Rings when memory is to be given back.
    private var quiet: Alarm?
    /// Connections and turns that have ended since memory was last given back.
    private var ended = 0
    /// The lists of models, as long as the configuration is the same.
    var modelLists = ModelLists()
    /// What `/health` answers, as long as nothing it tells has changed.
    private var health = HealthAnswer()

    init(on loop: EventLoop) {
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
    func newIdentifier(_ prefix: StaticString = "") -> String {
        let start = prefix.utf8CodeUnitCount
        let identifier = Identifier(using: &random)
        return unsafe String(unsafeUninitializedCapacity: start + Identifier.count) { buffer in
            for index in 0..<start { unsafe buffer[index] = prefix.utf8Start[index] }
            for index in 0..<Identifier.count { unsafe buffer[start + index] = identifier.digits[index] }
            return start + Identifier.count
        }
    }

    /// The answer to `/health` with an identifier of its own.
    func healthResponse(_ site: Site) -> Response {
        refreshHealth(site)
        return health.response(identifier: Identifier(using: &random))
    }

    /// What `/health` tells.
    func healthBody(_ site: Site) -> [UInt8] {
        refreshHealth(site)
        return health.body
    }

    private func refreshHealth(_ site: Site) {
        let load = site.admission.load
        let uptime = loop.now.since(site.started).count / 1000
        // Read before the list: one that changes meanwhile is told by the next answer.
        let generation = site.generation
        let login = site.login.word
        if !health.tells(uptime, load.running, load.waiting, generation, login) {
            health = HealthAnswer(
                uptime: uptime, running: load.running, waiting: load.waiting, cli: site.snapshot.cli, login: login,
                problems: site.problems.current, generation: generation,
                dependsOnOrigin: site.snapshot.configuration.cors.dependsOnOrigin)
        }
    }

    /// Registers a connection; returns the number to find it by.
    func add(_ connection: Connection) -> Int {
        lastID += 1
        connections[lastID] = connection
        return lastID
    }

    func connection(_ id: Int) -> Connection? { connections[id] }
    func remove(_ id: Int) {
        connections[id] = nil
        noteEnd()
    }

    /// Something that held memory is over. After a load, and once it is quiet, the memory is given back: the allocator
    /// alone would keep it for ever.
    func noteEnd() {
        ended += 1
        guard ended >= Self.manyEnds, let quiet else { return }
        ended = 0
        quiet.deadline = loop.now + .seconds(Self.quietSeconds)
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

    var isEmpty: Bool { connections.isEmpty }

    /// Goes on to the next phase and wakes everybody, so that each sees it.
    func enter(_ phase: Phase) {
        self.phase = phase
        for connection in connections.values { connection.noticePhase() }
    }
}

/// A fast generator for identifiers (Steele, Lea, Flood: SplitMix, 2014); never for secrets.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// 22 letters and digits that no other answer has.
struct Identifier {
    static let count = 22
    private(set) var digits = InlineArray<22, UInt8>(repeating: 0)

    init(using random: inout SplitMix64) {
        for half in 0..<2 {
            var bits = random.next()
            for index in 0..<11 { digits[half * 11 + index] = Base62.digit(&bits) }
        }
    }
}

/// A few empty arrays with room in them.
struct BufferPool {
    private var free: [[UInt8]] = []

    /// An empty buffer, with capacity where one was kept.
    mutating func take() -> [UInt8] { free.popLast() ?? [] }

    /// Keeps a buffer that is no longer needed, unless it is large or there are enough.
    mutating func give(_ buffer: consuming [UInt8]) {
        guard free.count < 16, buffer.capacity <= 64 << 10 else { return }
        buffer.removeAll(keepingCapacity: true)
        free.append(buffer)
    }
}
