import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("Memory that is short")
struct MemoryPressureTests {
    @Test("a pipe tells by its bytes, once for all that have come")
    func pipe() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/pipe"
        #expect(unsafe mkfifo(path, 0o600) == 0)
        let end = unsafe open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        defer { close(end) }
        let pressure = try #require(MemoryPressure(watch: path, writing: "c29tZQA="))
        // What it is to be told was written to it, and a pipe gives that back.
        #expect(pressure.hasBeenShort() && !pressure.hasBeenShort())
        #expect(unsafe write(end, "xy", 2) == 2)
        #expect(pressure.hasBeenShort() && !pressure.hasBeenShort())
    }

    /// Writes a group's count of how long its tasks have waited for memory, in microseconds.
    private func show(_ total: Int, in path: String) throws {
        try put("some avg10=0.00 avg60=0.00 avg300=0.00 total=\(total)\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9999999\n", to: path)
    }

    private func put(_ text: String, to path: String) throws {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(file) }
        #expect(unsafe write(file, text, text.utf8.count) == text.utf8.count)
    }

    @Test("where nobody tells, the time that tasks have waited is read")
    func counter() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/memory.pressure"
        try show(5_000_000, in: path)
        let pressure = try #require(MemoryPressure(watch: nil, writing: nil, group: path))
        #expect(!pressure.hasBeenShort())
        try show(5_099_999, in: path)
        #expect(!pressure.hasBeenShort())
        try show(5_199_999, in: path)
        #expect(pressure.hasBeenShort())
        #expect(!pressure.hasBeenShort())
    }

    @Test("what children wait for because of their own bounds is no sign, beside what others wait for")
    func ownMaking() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/memory.pressure"
        var made = 70_000
        try show(1_000_000, in: path)
        let pressure = try #require(MemoryPressure(watch: nil, writing: nil, group: path, ownMaking: { made }))
        (made, _) = (970_000, try show(1_900_000, in: path))
        #expect(!pressure.hasBeenShort())
        (made, _) = (1_000_000, try show(2_050_000, in: path))
        #expect(pressure.hasBeenShort())
        (made, _) = (1_000_000, try show(2_150_000, in: path))
        #expect(pressure.hasBeenShort())
    }

    @Test("children's waits count as their own making from the moment that they meet their bound, and when they are gone")
    func waits() throws {
        let scratch = try Scratch()
        let waits = MemoryWaits()
        func group(_ name: String, waited: Int, events: String) throws -> String {
            let path = scratch.path(of: name)
            #expect(unsafe mkdir(path, 0o700) == 0 || errno == EEXIST)
            try show(waited, in: path + "/memory.pressure")
            try put(events, to: path + "/memory.events")
            return path
        }
        let bound = "low 0\nhigh 0\nmax 3\noom 1\n", free = "low 0\nhigh 0\nmax 0\noom 0\n"
        let (first, second) = (try group("1", waited: 500, events: bound), try group("2", waited: 7000, events: free))
        #expect(waits.microseconds == 0)
        waits.enter(first)
        waits.enter(second)
        #expect(waits.microseconds == 500)
        _ = try group("2", waited: 7001, events: bound)
        #expect(waits.microseconds == 7501)
        waits.leave(first, after: 600)
        waits.leave(first, after: 600)
        #expect(waits.microseconds == 7601)
    }

    @Test("nothing is watched where it is switched off or there is nothing")
    func nothing() {
        #expect(MemoryPressure(watch: "/dev/null", writing: nil) == nil)
        #expect(MemoryPressure(watch: "/nowhere/pressure", writing: nil) == nil)
        #expect(MemoryPressure(watch: nil, writing: nil, group: "/nowhere/pressure") == nil)
    }

    @Test("where children have groups of their own the service's is looked at, which counts for all of them")
    func groupAboveChildren() {
        let unit = "/sys/fs/cgroup/system.slice/portcullis.service/memory.pressure"
        #expect(MemoryPressure.group(of: "0::/system.slice/portcullis.service\n") == unit)
        #expect(MemoryPressure.group(of: "0::/system.slice/portcullis.service/service\n") == unit)
        #expect(MemoryPressure.group(of: "1:memory:/x\n") == nil)
        #expect(MemoryPressure.group(of: "0::/\n") == "/sys/fs/cgroup/memory.pressure")
    }
}
