import Glibc
import Synchronization
import Testing

@testable import Platform

@Suite("What the kernel tells of load and memory")
struct MachineLoadTests {
    @Test("some memory is free, and not all of it")
    func free() throws {
        let percent = try #require(MachineLoad.freePercent)
        #expect((1...99).contains(percent))
    }

    @Test("a process is as large as what it alone has touched, at least")
    func proportional() throws {
        let before = try #require(MachineLoad.proportionalBytes(of: getpid()))
        #expect(before > 1 << 20)
        let count = 32 << 20
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
        defer { unsafe memory.deallocate() }
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 1, count: count)
        let after = try #require(MachineLoad.proportionalBytes(of: getpid()))
        // Other tests of this process come and go meanwhile.
        #expect(after > before + count / 2)
    }

    @Test("a process is larger than what it has, and not than what it may have")
    func larger() throws {
        let bytes = try #require(MachineLoad.proportionalBytes(of: getpid()))
        #expect(MachineLoad.isLarger(getpid(), than: bytes / 2))
        #expect(!MachineLoad.isLarger(getpid(), than: bytes * 2))
        #expect(!MachineLoad.isLarger(getpid(), than: .max))
        let resident = try #require(MachineLoad.residentBytes(of: getpid()))
        #expect(resident > bytes / 2)
        #expect(!MachineLoad.isLarger(Int32.max, than: 0))
    }

    @Test("of a process that is not there nothing is told")
    func gone() { #expect(MachineLoad.proportionalBytes(of: Int32.max) == nil) }

    @Test("a machine with more tasks that want to run than processors is busy")
    func busy() throws {
        let isOver = Flag()
        let count = sysconf(Int32(_SC_NPROCESSORS_ONLN)) + 4
        for _ in 0..<count { try DetachedThread.start { while !isOver.isSet {} } }
        defer { isOver.set() }
        // They begin when they are given a processor.
        let giveUp = Instant.now + Milliseconds.seconds(10)
        while !MachineLoad.isBusy, Instant.now < giveUp { sched_yield() }
        #expect(MachineLoad.isBusy)
    }
}

/// Set once, from any thread.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
