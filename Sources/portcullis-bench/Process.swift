import Glibc

/// Somebody else's process, as far as it is measured.
struct Process {
    let id: pid_t

    /// CPU time of all its threads since it began, in seconds, ended threads included.
    ///
    /// The kernel's process clock counts nothing of its children: the CPU of a stand-in `claude` is never
    /// part of the gateway's figure, neither while it runs nor after it has been reaped.
    func cpuSeconds() throws(BenchFault) -> Double {
        var clock = clockid_t()
        var time = timespec()
        guard unsafe clock_getcpuclockid(id, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else {
            throw BenchFault(message: "process \(id) cannot be measured")
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Resident and proportional memory in bytes.
    func memory() throws(BenchFault) -> (resident: Int, proportional: Int) {
        var text = ""
        for line in try readFile("/proc/\(id)/smaps_rollup").split(separator: "\n") {
            text += line + "\n"
        }
        return (kilobytes("Rss:", in: text) * 1_024, kilobytes("Pss:", in: text) * 1_024)
    }

    private func kilobytes(_ name: String, in text: String) -> Int {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
        return 0
    }
}

extension [Process] {
    func cpuSeconds() throws(BenchFault) -> Double {
        var sum = 0.0
        for process in self { sum += try process.cpuSeconds() }
        return sum
    }

    func memory() throws(BenchFault) -> (resident: Int, proportional: Int) {
        var sum = (resident: 0, proportional: 0)
        for process in self {
            let one = try process.memory()
            sum.resident += one.resident
            sum.proportional += one.proportional
        }
        return sum
    }
}

private func readFile(_ path: String) throws(BenchFault) -> String {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw BenchFault(message: "cannot read \(path)") }
    defer { close(file) }
    var bytes: [UInt8] = []
    while let more = readSome(file) { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
}

/// What there is to read, or nil at the end.
func readSome(_ descriptor: Int32) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 16_384)
    var count = 0
    repeat {
        count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    } while count < 0 && errno == EINTR
    guard count > 0 else { return nil }
    return Array(buffer[..<count])
}

/// Prints the memory of some processes.
func printMemory(_ processes: [Process]) throws(BenchFault) {
    let memory = try processes.memory()
    report("rss", Double(memory.resident) / 1e6, "MB")
    report("pss", Double(memory.proportional) / 1e6, "MB")
}

/// Runs a command and prints what CPU the processes used meanwhile.
func measureCommand(processes: [Process], command: [String]) throws(BenchFault) {
    guard !command.isEmpty else { throw BenchFault(message: "a command is missing") }
    let cpu = try processes.cpuSeconds()
    let start = now()
    let child = try Child(command, input: false, output: false)
    let status = child.wait()
    report("wall", now() - start, "s")
    report("cpu", try processes.cpuSeconds() - cpu, "s")
    guard status == 0 else { throw BenchFault(message: "\(command[0]) failed") }
}

/// A child process with pipes to its standard input and output where asked.
struct Child {
    private(set) var id: pid_t = 0
    private(set) var input: Int32 = -1
    private(set) var output: Int32 = -1

    init(_ command: [String], input wantsInput: Bool, output wantsOutput: Bool) throws(BenchFault) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        var theirs: [Int32] = []
        if wantsInput {
            let ends = try Child.pipe()
            input = ends.write
            theirs.append(ends.read)
            unsafe posix_spawn_file_actions_adddup2(&actions, ends.read, 0)
        }
        if wantsOutput {
            let ends = try Child.pipe()
            output = ends.read
            theirs.append(ends.write)
            unsafe posix_spawn_file_actions_adddup2(&actions, ends.write, 1)
        }
        var words: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
        defer { for unsafe word in unsafe words { unsafe free(word) } }
        let error = unsafe posix_spawnp(&id, command[0], &actions, nil, &words, environ)
        for descriptor in theirs { close(descriptor) }
        guard error == 0 else { throw BenchFault(message: "cannot start \(command[0])") }
    }

    /// Writes all of `bytes` to the child.
    func write(_ bytes: [UInt8]) {
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(input, $0.baseAddress, $0.count) }
    }

    /// Reaps the child; returns its exit status.
    func wait() -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(id, &status, 0) < 0 && errno == EINTR {}
        return status
    }

    private static func pipe() throws(BenchFault) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw BenchFault(message: "no pipe") }
        // Without this the child would inherit the writing end of its own input and never see it close.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
