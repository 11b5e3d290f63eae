/// What the processes of one control group may take together.
public struct GroupBounds: Sendable, Hashable {
    /// The most memory, files that are kept in it included, in bytes; nil for no bound of the group's own.
    public var memoryBytes: Int?
    /// The most tasks: processes and their threads.
    public var tasks: Int
    /// What they get of the processors where others want them too, beside the 100 of any other group; nil for as much.
    public var processorWeight: Int?

    /// Bounds that leave several times what a CLI needs.
    public init(memoryBytes: Int? = 1 << 30, tasks: Int = 512, processorWeight: Int? = nil) {
        self.memoryBytes = memoryBytes
        self.tasks = tasks
        self.processorWeight = processorWeight
    }

    /// What is written into which file of a group, as far as `controllers` are to be had.
    func assignments(_ controllers: Set<GroupController>) -> [(file: String, value: String, isNeeded: Bool)] {
        var assignments: [(file: String, value: String, isNeeded: Bool)] = []
        if controllers.contains(.tasks) { assignments.append(("pids.max", "\(tasks)", true)) }
        if controllers.contains(.processors), let processorWeight {
            // Absent where the kernel shares the processors out between tasks alone.
            assignments.append(("cpu.weight", "\(processorWeight)", false))
        }
        guard controllers.contains(.memory) else { return assignments }
        // A program that lost one of its processes to the kernel is in no state that anybody foresaw.
        assignments.append(("memory.oom.group", "1", true))
        guard let memoryBytes else { return assignments }
        assignments.append(("memory.max", "\(memoryBytes)", true))
        // Absent where the kernel counts no swap.
        assignments.append(("memory.swap.max", "0", false))
        return assignments
    }
}

/// What of a control group's use the kernel can bound or share out for us, by its name for it.
public enum GroupController: String, Sendable, CaseIterable {
    case memory
    case tasks = "pids"
    /// Shared out and not bounded: who is alone has all of them.
    case processors = "cpu"
}

/// Why the kernel ended a process for want of memory.
public enum MemoryDeath: Sendable, Equatable {
    /// Its group had all that it may have.
    case ownBound
    /// There was none left in a group above it, or in the machine.
    case shortage

    /// Reads `memory.events` of a group; nil when nothing was ended.
    init?(events: String) {
        var counts: [Substring: Int] = [:]
        for line in events.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { counts[words[0]] = Int(words[1]) }
        }
        guard counts["oom_kill", default: 0] + counts["oom_group_kill", default: 0] > 0 else { return nil }
        self = counts["oom", default: 0] > 0 ? .ownBound : .shortage
    }
}
