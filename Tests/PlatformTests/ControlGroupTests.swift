import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Platform

@Suite("Control groups of children")
struct ControlGroupTests {
    @Test("bounds are written as far as the kernel counts for them")
    func bounds() {
        let bounds = GroupBounds(memoryBytes: 1 << 20, tasks: 7)
        let all = bounds.assignments([.memory, .tasks]).map { "\($0.file)=\($0.value)" }
        #expect(all == ["pids.max=7", "memory.oom.group=1", "memory.max=1048576", "memory.swap.max=0"])
        #expect(bounds.assignments([.tasks]).map(\.file) == ["pids.max"])
        #expect(bounds.assignments([]).isEmpty)
        #expect(GroupBounds(memoryBytes: nil).assignments([.memory]).map(\.file) == ["memory.oom.group"])
        let light = GroupBounds(processorWeight: 20)
        #expect(light.assignments([.processors]).map { "\($0.file)=\($0.value)" } == ["cpu.weight=20"])
        #expect(bounds.assignments([.processors]).isEmpty && light.assignments([.tasks]).map(\.file) == ["pids.max"])
    }

    @Test(
        "what ended a process for want of memory is read from the counts of its group",
        arguments: [
            ("low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 1\n", MemoryDeath.ownBound),
            ("low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\noom_group_kill 0\n", .shortage),
            ("low 0\nhigh 3\nmax 9\noom 0\noom_kill 0\noom_group_kill 0\n", nil), ("", nil),
        ] as [(String, MemoryDeath?)])
    func memoryDeath(events: String, death: MemoryDeath?) {
        #expect(MemoryDeath(events: events) == death)
    }

    // MARK: - Delegation

    @Test("a group that was left to the process is taken: it moves into one of its own and lets the kernel count")
    func claim() throws {
        let tree = try FakeTree()
        try tree.make("unit", procs: "41\n", controllers: "cpu memory pids\n")
        try tree.make("unit/service", procs: "", weight: "100")
        try tree.make("unit/child-999999999-3")
        try tree.make("unit/foreign")
        guard case .granted(let groups) = Delegation(claiming: tree.place("0::/unit")) else {
            Issue.record("not granted")
            return
        }
        #expect(groups.controllers == [.memory, .tasks, .processors])
        #expect(tree.text("unit/service/cpu.weight") == "1000", "it comes before its children")
        #expect(tree.text("unit/service/cgroup.procs") == "41")
        // A plain file keeps what was written into it first, as far as nothing is written over it.
        #expect(tree.text("unit/cgroup.subtree_control").hasPrefix("+"))
        groups.settle(milliseconds: 10_000)
        #expect(!tree.has("unit/child-999999999-3"), "a leftover of a process that is gone")
        #expect(tree.has("unit/foreign") && tree.has("unit/service"))
    }

    @Test("who starts in the service's own group takes the one above it")
    func inside() throws {
        let tree = try FakeTree()
        try tree.make("unit", procs: "", controllers: "pids\n")
        try tree.make("unit/service", procs: "41\n40\n")
        guard case .granted(let groups) = Delegation(claiming: tree.place("0::/unit/service")) else {
            Issue.record("not granted")
            return
        }
        #expect(groups.controllers == [.tasks])
    }

    @Test("a group that was not left to the process is not touched")
    func refusals() throws {
        let tree = try FakeTree()
        try tree.make("unit", procs: "41\n")
        try tree.make("crowd", procs: "41\n42\n")
        try tree.make("old", procs: "41\n", kills: false)
        #expect(Delegation.objection(at: tree.place("0::/unit")) == nil)
        var place = tree.place("0::/unit")
        place.asksForMark = true
        #expect(Delegation.objection(at: place) == "no control group is delegated to it")
        #expect(Delegation.objection(at: tree.place("0::/crowd")) == "it is not alone in its control group")
        #expect(Delegation.objection(at: tree.place("0::/old")) == "no control group is delegated to it")
        #expect(Delegation.objection(at: tree.place("0::/elsewhere")) == "no control group is delegated to it")
        #expect(Delegation.objection(at: tree.place("1:memory:/unit")) == "there are no control groups of version 2")
        place.root = ""
        #expect(Delegation.objection(at: place) == "there are no control groups of version 2")
        if case .granted = Delegation(claiming: tree.place("0::/crowd")) { Issue.record("granted") }
        #expect(!tree.has("crowd/service") && tree.text("crowd/cgroup.procs") == "41\n42\n")
    }

    // MARK: - With the kernel

    @Test("a child is in a group of its own from the beginning", .enabled(if: KernelTree.canBeHad))
    func ownGroup() async throws {
        let tree = try KernelTree()
        let lines = try await Harness.onLoop { _ in
            let plan = SpawnPlan(path: "/bin/cat", arguments: ["cat", "/proc/self/cgroup"], workingDirectory: "/")
            var lines: [String] = []
            for _ in 0..<2 {
                let child = try await tree.groups.start(plan)
                var watch = pollfd(fd: child.exit.number, events: Int16(POLLIN), revents: 0)
                _ = unsafe poll(&watch, 1, 10_000)
                var bytes = [UInt8](repeating: 0, count: 4096)
                guard case .bytes(let count) = unsafe bytes.withUnsafeMutableBytes({ unsafe child.output.read(into: $0) }) else { continue }
                let text = String(decoding: bytes[..<count], as: UTF8.self)
                lines += text.split(separator: "\n").filter { $0.hasPrefix("0::") }.map(String.init)
            }
            return lines
        }
        #expect(lines.count == 2 && Set(lines).count == 2)
        for line in lines { #expect(line.hasPrefix("0::\(tree.name)/child-\(getpid())-")) }
        tree.groups.settle(milliseconds: 10_000)
        #expect(tree.children.isEmpty, "\(tree.children)")
    }

    @Test("whoever has left the child's session ends with it, and its group is gone before its place is free", .enabled(if: KernelTree.canBeHad))
    func deserter() async throws {
        let tree = try KernelTree()
        let isGroupGone = Atomic(false)
        let pid = try await Harness.onLoop { _ in
            var plan = SpawnPlan(
                path: "/bin/sh", arguments: ["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!; exec sleep 600"],
                workingDirectory: "/")
            plan.environment = ["PATH=/usr/bin:/bin"]
            let child = try await tree.groups.start(plan)
            var watch = pollfd(fd: child.output.number, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&watch, 1, 10_000)
            var bytes = [UInt8](repeating: 0, count: 64)
            guard case .bytes(let count) = unsafe bytes.withUnsafeMutableBytes({ unsafe child.output.read(into: $0) }) else { return Int32(0) }
            child.afterGroup { isGroupGone.store(true, ordering: .sequentiallyConsistent) }
            #expect(tree.children.count == 1 && child.memoryDeath == nil)
            return Int32(String(decoding: bytes[..<count], as: UTF8.self).filter(\.isNumber)) ?? 0
        }
        try #require(pid > 0)
        tree.groups.settle(milliseconds: 10_000)
        #expect(tree.children.isEmpty && isGroupGone.load(ordering: .sequentiallyConsistent))
        // Whoever collects it may take its time: until then it is dead, and named for a group that is none any more.
        let group = MachineLoad.text(of: "/proc/\(pid)/cgroup").split(separator: "\n").first { $0.contains(tree.name) }
        #expect(group == nil || group?.hasSuffix(" (deleted)") == true, "\(group ?? "")")
    }

    @Test("a child that cannot be started leaves no group behind", .enabled(if: KernelTree.canBeHad))
    func failure() async throws {
        let tree = try KernelTree()
        let code = try await Harness.onLoop { _ -> Int32 in
            do throws(SystemError) {
                _ = try await tree.groups.start(SpawnPlan(path: "/nowhere", arguments: ["x"], workingDirectory: "/")).pid
                return 0
            } catch { return error.code }
        }
        #expect(code == ENOENT)
        tree.groups.settle(milliseconds: 10_000)
        #expect(tree.children.isEmpty)
    }

    @Test("many children start and end side by side", .enabled(if: KernelTree.canBeHad))
    func many() async throws {
        let tree = try KernelTree()
        let codes = try await Harness.onLoop { loop in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<24 {
                    group.addTask(executorPreference: loop) {
                        let plan = SpawnPlan(path: "/bin/sh", arguments: ["sh", "-c", "exit \(number)"], workingDirectory: "/")
                        var child = try await tree.groups.start(plan)
                        let wakeup = Wakeup()
                        let exit = Readiness(child.exit.number, on: loop, interest: .reading, waking: wakeup)
                        defer { exit.cancel() }
                        while true {
                            if let status = child.reapIfExited() { return status.code }
                            exit.readWouldBlock()
                            await wakeup.wait()
                        }
                    }
                }
                var codes: [Int] = []
                for try await code in group { codes.append(code) }
                return codes.sorted()
            }
        }
        #expect(codes == Array(0..<24))
        tree.groups.settle(milliseconds: 10_000)
        #expect(tree.children.isEmpty)
    }
}

/// Plain files where the kernel has its own.
private struct FakeTree {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    func place(_ line: String) -> Delegation.Place {
        Delegation.Place(root: scratch.path, lines: line + "\n", pid: 41, asksForMark: false)
    }

    func make(_ group: String, procs: String? = nil, controllers: String = "", kills: Bool = true, weight: String? = nil) throws {
        try #require(unsafe mkdir(scratch.path(of: group), 0o755) == 0)
        // A group of plain files could not be removed as one.
        guard let procs else { return }
        try scratch.write(group + "/cgroup.procs", procs)
        try scratch.write(group + "/cgroup.controllers", controllers)
        try scratch.write(group + "/cgroup.subtree_control", "")
        if kills { try scratch.write(group + "/cgroup.kill", "") }
        if let weight { try scratch.write(group + "/cpu.weight", weight) }
    }

    func text(_ path: String) -> String { MachineLoad.text(of: scratch.path(of: path)) }
    func has(_ path: String) -> Bool { unsafe access(scratch.path(of: path), F_OK) == 0 }
}

/// A group of the kernel's that tests may have children in; gone when they have ended.
private final class KernelTree: Sendable {
    let name: String
    let groups: ControlGroups
    private static let count = Atomic(0)

    static var canBeHad: Bool {
        let place = Delegation.Place.current
        guard !place.root.isEmpty, place.lines.contains("0::/\n") else { return false }
        return unsafe access(place.root, W_OK) == 0 && access(place.root + "/cgroup.procs", W_OK) == 0
    }

    init() throws {
        name = "/portcullis-tests-\(getpid())-\(Self.count.add(1, ordering: .relaxed).newValue)"
        let path = Delegation.Place.current.root + name
        try #require(unsafe mkdir(path, 0o755) == 0)
        groups = try ControlGroups(in: path, controllers: [])
    }

    deinit { _ = unsafe rmdir(Delegation.Place.current.root + name) }

    var children: [String] { GroupFiles.groups(in: Delegation.Place.current.root + name) }
}
