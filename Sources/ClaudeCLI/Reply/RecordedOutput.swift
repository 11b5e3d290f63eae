package import Vocabulary

/// Turns what a CLI printed into reply events, outside of any process: the way of every line of an answer, for
/// benchmarks.
package struct RecordedOutput: ~Copyable {
    private var splitter: LineSplitter
    private var assembler: ReplyAssembler

    /// A reader at the beginning of a turn's output.
    package init(limits: CLILimits) {
        splitter = LineSplitter(maxLineBytes: limits.maxLineBytes)
        assembler = ReplyAssembler(limits: limits)
    }

    /// What the turn has cost, as far as it was recorded.
    package var spending: TurnSpending { assembler.spending }

    /// What the turn has used, as far as it was recorded.
    package var used: TurnUsage { assembler.used }

    /// Takes the next bytes; `emit` gets each event with the line its slices refer to.
    package mutating func take(
        _ bytes: Span<UInt8>, emit: (ReplyEvent, Span<UInt8>) -> Void
    ) throws(Fault) {
        var assembler = assembler
        defer { self.assembler = assembler }
        var start = 0
        while start < bytes.count {
            let rest = bytes.extracting(start..<bytes.count)
            unsafe splitter.receive { room in
                let part = rest.extracting(first: min(rest.count, room.count))
                // The pointer lives only inside the closure; no more is copied than there is room for.
                unsafe part.withUnsafeBytes { unsafe room.copyMemory(from: $0) }
                start += part.count
                return part.count
            }
            try splitter.forEachLine { line in
                guard let event = try? CLIEventReader.read(line) else { return false }
                return assembler.take(event, of: line, now: 0) { emit($0, line) } == .goOn
            }
        }
    }
}
