import Glibc
import Platform
import Testing
import Vocabulary

@testable import ClaudeCLI

/// A store with a CLI whose processes wait for whatever comes.
struct Shelf {
    let store = ProcessStore()
    let supply: CLISupply
    let program: ProgramFile
    static let start = Instant.now

    /// A store that keeps up to `idle` processes of a CLI which is a shell script.
    init(
        script: String = "exec cat >/dev/null", idle: Int = 4, idlePerOwner: Int = 4,
        _ change: (inout ProcessStore.Limits) -> Void = { _ in }
    ) throws {
        supply = try Harness.supply(script: script)
        program = try #require(ProgramFile(path: supply.profile.path))
        var limits = ProcessStore.Limits()
        (limits.idle, limits.idlePerOwner, limits.waiting) = (idle, idlePerOwner, 2)
        change(&limits)
        store.change(limits)
    }

    var kind: LaunchKind { supply.kind(of: program) }

    static func owner(_ name: String) -> ProcessOwner { ProcessOwner(identity: Array(name.utf8)) }
    static func print(_ number: UInt8) -> ConversationPrint { ConversationPrint(digest: [number]) }
    static func moment(_ seconds: Int) -> Instant { start + Milliseconds.seconds(seconds) }

    func place(_ number: UInt8, _ owner: String = "a", _ kind: LaunchKind? = nil) -> ProcessStore.Place {
        ProcessStore.Place(owner: Self.owner(owner), kind: kind ?? self.kind, print: Self.print(number))
    }

    /// Puts a new process by as one that has served; returns its id.
    @discardableResult
    func put(
        _ number: UInt8, _ owner: String = "a", kind: LaunchKind? = nil, isSingle: Bool = false, at seconds: Int = 0,
        hasSystem: Bool = false
    ) throws -> Int32 {
        store.noteStart()
        var process = try supply.startAtOnce()
        let pid = process.pid
        if hasSystem { process.memory.system = 1 }
        store.put(process, at: place(number, owner, kind), isSingle: isSingle, now: Self.moment(seconds))
        return pid
    }

    /// Adds a process that waits for its first turn; returns its id.
    @discardableResult
    func add(_ kind: LaunchKind? = nil, at seconds: Int = 0) throws -> Int32 {
        let process = try supply.startAtOnce()
        let pid = process.pid
        store.add(process, kind: kind ?? self.kind, now: Self.moment(seconds))
        return pid
    }

    /// What a wish comes to, and the id of the process that is ended for it.
    func take(
        _ number: UInt8, _ owner: String = "a", kind: LaunchKind? = nil, at seconds: Int = 1,
        canFollow: @escaping @Sendable (ProcessMemory) -> Bool = { $0.system == nil }, waking: RemoteWakeup? = nil,
        takesAny: Bool = false
    ) -> (find: ProcessStore.Find, pid: Int32?) {
        let wish = ProcessStore.Wish(
            owner: Self.owner(owner), kind: kind ?? self.kind, held: Self.print(number), canFollow: canFollow)
        var answer = store.take(wish, now: Self.moment(seconds), waking: waking, takesAny: takesAny)
        let find = answer.find
        guard let process = answer.process.take() else { return (find, nil) }
        return (find, process.pid)
    }

    /// The id of a process that is told nothing, and is ended at once.
    func takeNew() -> Int32? { store.takeNew(kind)?.pid }

    /// A kind of the same program that was started otherwise.
    var otherKind: LaunchKind { LaunchKind(program: program, environment: ["A=1"]) }
}

extension CLISupply {
    /// A new process that has been told nothing, in no control group, for those who cannot wait for one.
    func startAtOnce() throws -> LivingProcess {
        let directory = try directories.take()
        return LivingProcess(
            try ChildProcess.spawn(profile.plan(in: directory, limits: limits)), in: directory, of: directories)
    }
}

extension Harness {
    /// Looks every few milliseconds until something is so; false when it is not within a minute.
    static func until(on loop: EventLoop, _ isSo: () -> Bool) async -> Bool {
        let wakeup = Wakeup()
        let alarm = Alarm(on: loop, waking: wakeup)
        defer { alarm.cancel() }
        let giveUp = loop.now + Milliseconds.seconds(60)
        while !isSo() {
            if loop.now >= giveUp { return false }
            alarm.deadline = loop.now + Milliseconds(5)
            await wakeup.wait()
        }
        return true
    }
}

/// The end of a child of this process, whoever reaps it.
struct ProcessEnd {
    private let pid: Int32

    init(_ pid: Int32) { self.pid = pid }

    /// True once it has come, which is waited for.
    var hasCome: Bool { look(0) }
    /// True when it has come by now.
    var isOver: Bool { look(WNOHANG) }

    /// Leaves the child to be reaped by its owner; one that was reaped already is nobody's child.
    private func look(_ options: Int32) -> Bool {
        var information = unsafe siginfo_t()
        let result = unsafe waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT | options)
        return unsafe result == 0 ? information.si_signo == SIGCHLD : errno == ECHILD
    }
}
