import Glibc

// Load generator and measuring tool of `deploy/bench`. Each subcommand prints lines of `name value unit`.

let usage: StaticString = """
    usage: portcullis-bench SUBCOMMAND …

      handshakes PORT PIDS SECONDS [THREADS]   full TLS 1.3 handshakes, each with one GET /health
      idle PORT PIDS CONNECTIONS               memory of idle kept-alive TLS connections
      measure PIDS COMMAND…                    CPU of the processes PIDS while COMMAND runs
      memory PIDS                              resident memory of the processes PIDS
      spawn STANDIN COUNT TEXT                 bare loop: spawn, write rows, read to the end, reap
      translate ANSWERS                        CPU and allocations per delta, per dialect
      decode MEGABYTES                         a request with an image of this size, to the rows for the CLI
      key-timing SAMPLES                       whether the time of finding a key tells which, with controls
      first-byte STANDIN PORT KEY COUNT        time to the first event, bare and through the gateway

    PIDS are comma separated. CPU is the processes' own: their children count only for themselves.

    """

do {
    try run(Array(CommandLine.arguments.dropFirst()))
} catch {
    complain("portcullis-bench: \(error.message)\n")
    exit(1)
}

/// Runs the subcommand that the arguments name.
func run(_ arguments: [String]) throws(BenchFault) {
    signal(SIGPIPE, SIG_IGN)
    raiseDescriptorLimit()
    var words = ArgumentList(words: arguments)
    switch words.first {
    case "handshakes":
        let count = try words.number()
        try measureHandshakes(
            port: count, processes: try words.processes(), seconds: try words.number(),
            threads: words.isEmpty ? 4 : try words.number())
    case "idle":
        try measureIdle(
            port: try words.number(), processes: try words.processes(), connections: try words.number())
    case "measure": try measureCommand(processes: try words.processes(), command: words.rest())
    case "memory": try printMemory(try words.processes())
    case "translate": try measureTranslation(answers: try words.number())
    case "decode": try measureDecoding(megabytes: try words.number())
    case "key-timing": try measureKeyTiming(samples: try words.number())
    case "spawn":
        try measureSpawn(standin: try words.next(), count: try words.number(), text: try words.next())
    case "first-byte":
        try measureFirstByte(
            standin: try words.next(), port: try words.number(), key: try words.next(),
            count: try words.number())
    default:
        complain("\(usage)")
        exit(64)
    }
}

/// Why a measurement could not be made.
struct BenchFault: Error {
    let message: String
}

/// The words behind the subcommand, taken one after another.
struct ArgumentList {
    let first: String?
    private var words: ArraySlice<String>

    init(words: [String]) {
        first = words.first
        self.words = words.dropFirst()
    }

    var isEmpty: Bool { words.isEmpty }

    mutating func next() throws(BenchFault) -> String {
        guard let word = words.popFirst() else { throw BenchFault(message: "an argument is missing") }
        return word
    }

    mutating func number() throws(BenchFault) -> Int {
        let word = try next()
        guard let number = Int(word), number > 0 else {
            throw BenchFault(message: "not a positive number: \(word)")
        }
        return number
    }

    mutating func processes() throws(BenchFault) -> [Process] {
        let word = try next()
        let processes = word.split(separator: ",").compactMap { pid_t($0) }.map { Process(id: $0) }
        guard !processes.isEmpty else { throw BenchFault(message: "not process ids: \(word)") }
        return processes
    }

    func rest() -> [String] { Array(words) }
}

/// Prints one figure.
func report(_ name: String, _ value: Double, _ unit: String) {
    let rounded = (value * 1_000).rounded() / 1_000
    write("\(name) \(rounded) \(unit)\n", to: 1)
}

/// Writes to standard error.
func complain(_ text: String) { write(text, to: 2) }

private func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
}

/// Thousands of idle connections need as many descriptors.
private func raiseDescriptorLimit() {
    var limit = rlimit()
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard unsafe getrlimit(kind, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(kind, &limit)
}

/// Seconds of the monotonic clock.
func now() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
