import Glibc

private let health = Array("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)

/// Full handshakes a second, some at once so that the server's core and not the round trip is the limit.
func measureHandshakes(
    port: Int, processes: [Process], seconds: Int, threads: Int
) throws(BenchFault) {
    let context = try TLSClientContext()
    try TLSClient(port: port, context: context).exchange(health)
    let cpu = try processes.cpuSeconds()
    let start = now()
    let runs = (0..<threads).map { _ in
        HandshakeRun(port: port, context: context, deadline: start + Double(seconds))
    }
    for run in runs { run.start() }
    for run in runs { run.join() }
    let elapsed = now() - start
    let count = Double(runs.reduce(0) { $0 + $1.count })
    guard count > 0, runs.allSatisfy({ !$0.failed }) else {
        throw BenchFault(message: "a handshake failed")
    }
    report("handshakes", count / elapsed, "1/s")
    report("cpu_per_handshake", (try processes.cpuSeconds() - cpu) / count * 1e6, "us")
}

/// One thread's handshakes, one after another.
private final class HandshakeRun {
    private let port: Int
    private let context: TLSClientContext
    private let deadline: Double
    private var thread = pthread_t()
    private(set) var count = 0
    private(set) var failed = false

    init(port: Int, context: TLSClientContext, deadline: Double) {
        self.port = port
        self.context = context
        self.deadline = deadline
    }

    /// Begins on a thread of its own; the fields are read again only after `join()`.
    func start() {
        let itself = unsafe Unmanaged.passRetained(self).toOpaque()
        unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<HandshakeRun>.fromOpaque(argument).takeRetainedValue().shakeHands()
                return nil
            }, itself)
    }

    func join() { pthread_join(thread, nil) }

    private func shakeHands() {
        do {
            while now() < deadline {
                try TLSClient(port: port, context: context).exchange(health)
                count += 1
            }
        } catch {
            failed = true
        }
    }
}

/// What the server's memory grows by for each connection that has had one answer and now waits.
func measureIdle(port: Int, processes: [Process], connections: Int) throws(BenchFault) {
    let context = try TLSClientContext()
    var clients: [TLSClient] = []
    // A few first, so that what the server sets up once is not counted.
    for _ in 0..<50 { clients.append(try idleClient(port, context)) }
    let before = try processes.memory()
    for _ in 0..<connections { clients.append(try idleClient(port, context)) }
    let after = try processes.memory()
    let each = 1.0 / Double(connections)
    report("rss_per_connection", Double(after.resident - before.resident) * each, "B")
    report("pss_per_connection", Double(after.proportional - before.proportional) * each, "B")
    withExtendedLifetime(clients) {}
}

private func idleClient(_ port: Int, _ context: TLSClientContext) throws(BenchFault) -> TLSClient {
    let client = try TLSClient(port: port, context: context)
    try client.exchange(health)
    return client
}
