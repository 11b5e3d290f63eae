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

    /// Takes the next bytes, at most 64 KiB of them; `emit` gets each event with the line its slices refer to.
    package mutating func take(
        _ bytes: Span<UInt8>, emit: (ReplyEvent, Span<UInt8>) -> Void
    ) throws(Fault) {
        unsafe splitter.receive { room in
            // The pointer lives only inside the closure; no more is copied than there is room for.
            unsafe bytes.withUnsafeBytes { unsafe room.copyMemory(from: $0) }
            return bytes.count
        }
        var assembler = assembler
        defer { self.assembler = assembler }
        try splitter.forEachLine { line in
            guard let event = try? CLIEventReader.read(line) else { return false }
            return assembler.take(event, of: line, now: 0) { emit($0, line) } == .goOn
        }
    }
}
