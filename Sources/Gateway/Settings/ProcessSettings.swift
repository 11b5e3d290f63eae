import ClaudeCLI

/// Which CLI processes outlive their turn, and which wait for one.
///
/// What is read here holds together: without a place for an idle process nothing is reused, and without reuse there is
/// no such place.
struct ProcessSettings: Sendable, Equatable {
    typealias Reuse = ProcessStore.Limits.Reuse

    /// What a process may serve when its turn is over; never `key` where keys are not required.
    var reuse = Reuse.key
    /// Started processes that wait for a first question, for each loop.
    var waitingPerLoop = 1
    /// Processes that have served and wait to go on.
    var maxIdle = 0
    /// Of those, the ones of one key; not more than `maxIdle`.
    var maxIdlePerKey = 0
    /// How long one waits to go on, in seconds.
    var idleSeconds = 300
    /// The memory of one that waits to go on, shared pages by proportion; a larger one ends.
    var maxIdleBytes = 400 << 20
    /// The memory of one with all that it starts, where control groups can be had; 0 for no bound.
    var childBytes = 1 << 30
    /// Idle, waiting and serving ones together.
    var maxTotal = 0

    /// Started processes that wait for a first question on that many loops; at most half of all there may be.
    func waiting(loops: Int) -> Int {
        min(waitingPerLoop * max(1, loops), maxTotal / 2)
    }
}

extension ProcessSettings {
    /// What a process of the CLI may take, in bytes, in all that is derived from memory.
    static let processBytes = 200 << 20

    /// Half of the memory, since an idle process gives way to a turn; at most four for each turn that may run, so
    /// that who lowers one lowers the other.
    static func defaultIdle(memoryBytes: Int, maxRunning: Int) -> Int {
        min(memoryBytes / 2 / processBytes, 4 * maxRunning)
    }

    /// A quarter of the memory, within what a CLI needs for the largest request and what none has any use for.
    static func defaultChildBytes(memoryBytes: Int) -> Int { max(512 << 20, min(memoryBytes / 4, 1 << 30)) }

    /// Half of all for one key, or enough for eight agents side by side; all where everybody is one caller.
    static func defaultIdlePerKey(maxIdle: Int, hasKeys: Bool) -> Int {
        hasKeys ? max(1, maxIdle / 2, min(8, maxIdle)) : maxIdle
    }

    /// Three quarters of the memory, or more where the operator has said so of turns or of idle processes.
    static func total(memoryBytes: Int, maxRunning: Int, maxIdle: Int) -> Int {
        max(memoryBytes / 4 * 3 / processBytes, maxRunning, maxIdle)
    }

    /// What the operator should know.
    var notes: [String] {
        var notes: [String] = []
        if reuse == .off {
            notes.append("no process is kept after its turn")
        } else {
            notes.append(
                "at most \(maxIdle) idle processes, \(maxIdlePerKey) of one key, each for \(idleSeconds) seconds; "
                    + "used again for the same \(reuse.rawValue)")
        }
        notes.append(
            waitingPerLoop == 0
                ? "no process is started in advance" : "processes started in advance for each loop: \(waitingPerLoop)")
        return notes
    }
}
