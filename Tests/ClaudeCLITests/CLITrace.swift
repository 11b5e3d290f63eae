import Glibc
import Vocabulary

@testable import ClaudeCLI

/// Runs the CLI's bytes through splitter, reader and assembler and writes down what comes out.
struct CLITrace: ~Copyable {
    private var splitter = LineSplitter()
    private var assembler: ReplyAssembler
    /// How many zero-turn results belong to rows of the history.
    private var historyRows: Int
    private(set) var lines: [String] = []

    /// The moment of all captures, in Unix seconds.
    static let now = 1_795_216_000

    static func of(
        _ bytes: [UInt8], chunk: Int, historyRows: Int = 0, limits: CLILimits = CLILimits(),
        servers: ActiveServers = .none
    ) -> [String] {
        var trace = CLITrace(historyRows: historyRows, limits: limits, servers: servers)
        var rest = bytes[...]
        while !rest.isEmpty, !trace.assembler.isOver {
            let part = rest.prefix(chunk)
            rest = rest.dropFirst(part.count)
            trace.receive(part)
        }
        if !trace.assembler.isOver { trace.lines.append("(not over)") }
        return trace.lines
    }

    private init(historyRows: Int, limits: CLILimits, servers: ActiveServers) {
        assembler = ReplyAssembler(limits: limits, servers: servers)
        self.historyRows = historyRows
    }

    private mutating func receive(_ part: ArraySlice<UInt8>) {
        var rest = part
        while !rest.isEmpty {
            unsafe splitter.receive { buffer in
                let count = min(buffer.count, rest.count)
                unsafe buffer.copyBytes(from: rest.prefix(count))
                rest = rest.dropFirst(count)
                return count
            }
            takeLines()
        }
    }

    private mutating func takeLines() {
        do {
            while let range = try splitter.next() {
                var events: [String] = []
                var line: [UInt8] = []
                line.append(copying: splitter.bytes.extracting(range))
                take(line.span, &events)
                lines += events
                if assembler.isOver { return }
            }
        } catch {
            lines.append(Self.describe(error))
        }
    }

    private mutating func take(_ line: Span<UInt8>, _ events: inout [String]) {
        guard !line.isEmpty else { return }
        guard let event = try? CLIEventReader.read(line) else {
            events.append("(garbage)")
            return
        }
        if case .result(let result) = event, result.turns == 0, historyRows > 0 {
            historyRows -= 1
            return
        }
        var said: [String] = []
        let action = assembler.take(event, of: line, now: Self.now) { said.append(Self.describe($0, line)) }
        events += said
        if action == .kill { events.append("(kill)") }
        if action == .killUnlessHeld { events.append("(kill unless held)") }
        if action == .linger { events.append("(linger)") }
    }

    static func describe(_ event: ReplyEvent, _ line: Span<UInt8>) -> String {
        switch event {
        case .blockStarted(.agentCall(let id, let name)): "agentCall \(id.string) \(name.string)"
        case .callResult(let result): "result \(result.id.string) \(result.isError ? "failed" : "done") \(result.text)"
        case .subagent(let step): "subagent of \(step.parent.string) \(describe(step.kind))"
        case .started(let start): "started \(start.id) \(start.model) \(describe(start.usage))"
        case .blockStarted(.toolUse(let id, let name)): "block tool_use \(id.string) \(name.string)"
        case .blockStarted(.redactedThinking(let data)): "block redacted \(data.string)"
        case .blockStarted(.other(let raw)): "block other \(raw.bytes.count)"
        case .blockStarted(.text): "block text"
        case .blockStarted(.thinking): "block thinking"
        case .text(let slice): "text \(slice.string(in: line))"
        case .thinking(let slice): "thinking \(slice.string(in: line))"
        case .signature(let slice): "signature \(slice.string(in: line))"
        case .toolInput(let slice): "input \(slice.string(in: line))"
        case .citation(let slice): "citation \(slice.string(in: line))"
        case .blockStopped: "stop"
        case .finished(let end):
            "finished \(end.reason.rawValue) \(end.stopSequence?.string ?? "-") \(describe(end.usage))"
        case .failed(let fault): describe(fault)
        }
    }

    private static func describe(_ kind: SubagentStep.Kind) -> String {
        switch kind {
        case .begun: "begun"
        case .called(let id, let name, let input, let isFirst):
            "\(isFirst ? "calls" : "calls too") \(id.string) \(name.string) \(String(decoding: input.bytes, as: UTF8.self))"
        case .answered(let result): "result \(result.id.string) \(result.isError ? "failed" : "done") \(result.text)"
        }
    }

    static func describe(_ fault: Fault) -> String {
        var text = "failed \(fault.kind.status) \(fault.message)"
        if let seconds = fault.retryAfterSeconds { text += " retry-after=\(seconds)" }
        if let should = fault.shouldRetry { text += " should-retry=\(should)" }
        if let reset = fault.resetsAt { text += " resets=\(reset)" }
        return text + (fault.detail.isEmpty ? "" : " | \(fault.detail)")
    }

    private static func describe(_ usage: Usage) -> String {
        "in=\(usage.inputTokens) write=\(usage.cacheCreationTokens) read=\(usage.cacheReadTokens) "
            + "out=\(usage.outputTokens) think=\(usage.thinkingTokens) tier=\(usage.serviceTier ?? "-")"
    }
}

/// The files beside the tests.
enum Fixture {
    static let folder = "\(#filePath)".split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/Fixtures/"

    static func bytes(_ name: String) -> [UInt8] {
        guard let file = unsafe fopen(folder + name, "r") else { return [] }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }

    static func text(_ name: String) -> String { String(decoding: bytes(name), as: UTF8.self) }

    /// Replaces a file's content; used to renew the expected traces by hand.
    static func write(_ name: String, _ text: String) {
        guard let file = unsafe fopen(folder + name, "w") else { return }
        let bytes = Array(text.utf8)
        unsafe fwrite(bytes, 1, bytes.count, file)
        unsafe fclose(file)
    }
}
