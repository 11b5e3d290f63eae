import ClaudeCLI
import Glibc
import Ledger
import Platform
import Server
import Synchronization
import TLS
import TestSupport
import Testing

@testable import Gateway

/// What a test service is made of.
struct ServiceOptions: Sendable {
    var limits = Limits()
    var maxRunning = 4
    var maxWaiting = 16
    var pingSeconds = 15
    /// A shell script instead of the stand-in; `$STANDIN` is the stand-in's path.
    var script: String?
    /// A certificate chain and its key.
    var pem: (chain: [UInt8], key: [UInt8])?
}

/// A service inside this process: one loop, one worker, a port of the kernel's choice.
final class TestService: Sendable {
    static let key = "test-key-of-the-first-0123456789"
    static let adminKey = "administrator-key-0123456789"
    static let otherKey = "test-key-of-the-other-9876543210"

    let port: UInt16
    let site: Site
    let worker: Worker
    let loop: EventLoop
    private let scratch: Scratch

    init(_ change: (inout ServiceOptions) -> Void = { _ in }) async throws {
        var options = ServiceOptions()
        change(&options)
        scratch = try Scratch()
        var configuration = Configuration()
        configuration.isPlaintext = options.pem == nil
        configuration.limits = options.limits
        configuration.pingSeconds = options.pingSeconds
        configuration.turns = TurnSettings(maxRunning: options.maxRunning, maxWaiting: options.maxWaiting, waitSeconds: 30)
        configuration.stateDirectory = scratch.path
        configuration.logging.level = .error
        var keys = try [("first", Self.key), ("other", Self.otherKey), ("root", Self.adminKey)].map {
            try #require(APIKey(name: $0.0, secret: $0.1))
        }
        keys[2].options.role = .admin
        let program = try Self.program(options.script, in: scratch)
        let supply = CLISupply(
            LaunchProfile(
                path: program, operatorEnvironment: ["ANTHROPIC_API_KEY=x"],
                loginDirectory: "/nonexistent"),
            limits: CLILimits(), directories: try TurnDirectories(state: scratch.path))
        let tls = try options.pem.map { pem in
            try TLSContext(identities: [try TLSIdentity(certificatePEM: pem.chain, keyPEM: pem.key)])
        }
        let snapshot = Snapshot(
            configuration, tls: tls, accounts: Accounts(Account(supply: supply)),
            cli: TriedCLI(file: ProgramFile(path: program), version: "0.0.0", selfTest: .off))
        site = Site(
            snapshot, keys: KeyDirectory(keys), log: Log(configuration.logging),
            ledger: try Ledger(path: scratch.path(of: "ledger.sqlite")))
        loop = try #require(Self.nextLoop())
        let listeners = try Listener.open(.tcp(host: "127.0.0.1", port: 0), isFirst: true)
        port = Self.port(of: try #require(listeners.first?.number))
        worker = Worker(on: loop, serving: site, listeners: listeners)
        await worker.start()
    }

    deinit {
        let (worker, scratch) = (worker, scratch)
        // Unstructured: the service ends with its test, which nobody waits for.
        Task {
            await worker.drain { withExtendedLifetime(scratch) {} }
            await worker.endJobs()
        }
    }

    // MARK: - Parts

    /// Threads that live as long as the test run: a child is killed when the thread that started it ends.
    private static let loops: [EventLoop] = {
        signal(SIGPIPE, SIG_IGN)
        return (0..<2).compactMap { _ in
            guard let loop = try? EventLoop(), (try? loop.start()) != nil else { return nil }
            return loop
        }
    }()
    private static let turn = Atomic(0)

    static func nextLoop() -> EventLoop? {
        let number = turn.add(1, ordering: .relaxed).newValue
        return loops.isEmpty ? nil : loops[number % loops.count]
    }

    /// The stand-in, which is built beside the tests.
    static let standin: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for candidate in [own] + CommandLine.arguments {
            let folder = candidate.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            if unsafe access(folder + "/claude-standin", X_OK) == 0 { return folder + "/claude-standin" }
        }
        return ""
    }()

    private static func program(_ script: String?, in scratch: Scratch) throws -> String {
        try #require(!standin.isEmpty)
        guard let script else { return standin }
        return try scratch.write("claude", "#!/bin/sh\nSTANDIN='\(standin)'\n\(script)\n", mode: 0o700)
    }

    private static func port(of number: Int32) -> UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(number, $0, &length)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// One answer, read off the wire.
struct RawAnswer {
    var status = 0
    var fields: [String: String] = [:]
    var body = ""
}

/// A blocking client that writes and reads bytes; nothing it waits for takes longer than twenty seconds.
final class RawClient {
    private let number: Int32
    /// Kept, because the service ends with its last reference.
    private let service: TestService
    private var buffer: [UInt8] = []
    private var isOpen = true

    init(_ service: TestService) throws {
        self.service = service
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        try #require(Self.connects(number, to: service))
    }

    /// True while the service accepts.
    static func canConnect(to service: TestService) -> Bool {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { Glibc.close(number) }
        return connects(number, to: service)
    }

    private static func connects(_ number: Int32, to service: TestService) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = service.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    deinit { close() }

    /// The socket, for a TLS session over it.
    var descriptor: Int32 { number }

    func close() {
        if isOpen { Glibc.close(number) }
        isOpen = false
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[start...])
                return unsafe Glibc.send(number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            start += count
        }
    }

    /// Reads more; false at the end or when nothing came for too long.
    func receive() -> Bool {
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(number, &piece, piece.count, 0)
        guard count > 0 else { return false }
        buffer += piece[..<count]
        return true
    }

    /// True when the server ends the connection and has nothing more to say.
    func isEnded() -> Bool {
        var piece: [UInt8] = [0]
        return unsafe buffer.isEmpty && recv(number, &piece, 1, 0) == 0
    }

    /// Takes what has arrived up to and including `text`.
    func take(through text: String) throws -> String {
        let wanted = Array(text.utf8)
        while true {
            if let found = buffer.firstRange(of: wanted) {
                defer { buffer.removeSubrange(..<found.upperBound) }
                return String(decoding: buffer[..<found.upperBound], as: UTF8.self)
            }
            try #require(receive(), "waiting for \(text) after \(String(decoding: buffer, as: UTF8.self))")
        }
    }

    func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { try #require(receive()) }
        defer { buffer.removeSubrange(..<count) }
        return Array(buffer[..<count])
    }

    /// Reads one whole answer.
    func answer(toHead isHead: Bool = false) throws -> RawAnswer {
        let lines = try take(through: "\r\n\r\n").split(separator: "\r\n")
        var answer = RawAnswer()
        answer.status = Int(lines.first?.split(separator: " ").dropFirst().first ?? "") ?? 0
        for line in lines.dropFirst() {
            let parts = line.split(separator: ": ", maxSplits: 1)
            answer.fields[parts[0].lowercased()] = parts.count > 1 ? String(parts[1]) : ""
        }
        if isHead || answer.status < 200 || answer.status == 204 { return answer }
        if let length = answer.fields["content-length"].flatMap({ Int($0) }) {
            answer.body = String(decoding: try take(length), as: UTF8.self)
        } else if answer.fields["transfer-encoding"] == "chunked" {
            while true {
                let size = Int(try take(through: "\r\n").dropLast(1), radix: 16) ?? 0
                answer.body += String(decoding: try take(size), as: UTF8.self)
                _ = try take(2)
                if size == 0 { return answer }
            }
        }
        return answer
    }

    /// Sends a request and reads its answer.
    func exchange(
        _ method: String, _ path: String, _ fields: [String] = [], body: String? = nil
    ) throws -> RawAnswer {
        send(Self.request(method, path, fields, body: body))
        return try answer(toHead: method == "HEAD")
    }

    /// A request with the first key.
    static func request(_ method: String, _ path: String, _ fields: [String] = [], body: String? = nil) -> String {
        var lines = ["\(method) \(path) HTTP/1.1", "host: localhost"]
        if !fields.contains(where: { $0.hasPrefix("x-api-key") }) {
            lines.append("authorization: Bearer \(TestService.key)")
        }
        if let body { lines += ["content-type: application/json", "content-length: \(body.utf8.count)"] }
        return (lines + fields).joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
    }

    /// A chat completion that asks the stand-in for something.
    static func chat(_ text: String, streams: Bool = false, fields: [String] = []) -> String {
        let body = #"{"model":"sonnet","stream":\#(streams),"messages":[{"role":"user","content":"\#(text)"}]}"#
        return request("POST", "/v1/chat/completions", fields, body: body)
    }

    /// A message that asks the stand-in for something.
    static func message(_ text: String) -> String {
        let body =
            #"{"model":"sonnet","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"\#(text)"}]}"#
        return request("POST", "/v1/messages", ["anthropic-version: 2023-06-01"], body: body)
    }
}

/// A fifo that a child holds open: its reader sees when the last process of the group is gone.
final class ChildWatch: Sendable {
    let path: String
    private let reader: Int32

    init() throws {
        path = "/tmp/portcullis-watch-\(getpid())-\(Instant.now.nanoseconds)"
        let made = unsafe mkfifo(path, 0o600)
        try #require(made == 0)
        reader = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        try #require(reader >= 0)
    }

    deinit {
        Glibc.close(reader)
        _ = unsafe unlink(path)
    }

    /// True once the child has written its line: without it, a fifo that nobody opened looks as one that is held.
    func hasBegun() -> Bool {
        var state = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        var byte: [UInt8] = [0]
        return unsafe poll(&state, 1, 20_000) == 1 && Glibc.read(reader, &byte, 1) == 1
    }

    func isGone() -> Bool {
        var state = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&state, 1, 20_000) == 1 && state.revents & Int16(POLLHUP) != 0
    }

    /// Lets a child go on that reads the fifo.
    static func release(_ path: String) throws {
        let writer = unsafe open(path, O_WRONLY | O_CLOEXEC)
        try #require(writer >= 0)
        let byte: [UInt8] = [10]
        _ = unsafe Glibc.write(writer, byte, 1)
        Glibc.close(writer)
    }
}
