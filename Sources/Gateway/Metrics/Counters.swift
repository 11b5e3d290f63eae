import Synchronization

/// A few counters side by side that any thread may raise; a number tells them apart.
///
/// They are one piece of memory, so that raising one is an addition: no lock, no allocation.
final class Counters<let count: Int>: Sendable {
    private let cells: InlineArray<count, Atomic<Int>> = InlineArray { _ in Atomic(0) }

    /// Raises one; an index that is none is passed over.
    func add(_ amount: Int = 1, at index: Int) {
        guard 0..<count ~= index else { return }
        cells[index].add(amount, ordering: .relaxed)
    }

    subscript(index: Int) -> Int { cells[index].load(ordering: .relaxed) }
}

/// How often something took how long, in steps that fit turns of a model: a twentieth of a second to ten minutes.
final class DurationHistogram: Sendable {
    /// The upper ends of the steps in microseconds; beyond the last there is one more.
    static let ends = [
        50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
        120_000_000, 300_000_000, 600_000_000,
    ]
    /// The same in seconds, as the text form writes them.
    static let labels = [
        "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "120.0", "300.0", "600.0",
    ]

    private let steps = Counters<14>()
    private let sum = Atomic(0)

    func note(microseconds: Int) {
        var step = 0
        while step < Self.ends.count, microseconds > Self.ends[step] { step += 1 }
        steps.add(at: step)
        sum.add(max(0, microseconds), ordering: .relaxed)
    }

    /// How often each step or less was taken, the last being all; and the sum in microseconds.
    var reading: (counts: [Int], sum: Int) {
        var counts: [Int] = []
        for step in 0...Self.ends.count { counts.append((counts.last ?? 0) + steps[step]) }
        return (counts, sum.load(ordering: .relaxed))
    }
}
