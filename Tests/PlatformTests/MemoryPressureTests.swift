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

    @Test("where nobody tells, the time that tasks have waited is read")
    func counter() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/memory.pressure"
        func show(_ total: Int) throws {
            let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=\(total)\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9999999\n"
            let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            defer { close(file) }
            #expect(unsafe write(file, text, text.utf8.count) == text.utf8.count)
        }
        try show(5_000_000)
        let pressure = try #require(MemoryPressure(watch: nil, writing: nil, group: path))
        #expect(!pressure.hasBeenShort())
        try show(5_099_999)
        #expect(!pressure.hasBeenShort())
        try show(5_199_999)
        #expect(pressure.hasBeenShort())
        #expect(!pressure.hasBeenShort())
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
