/// Sizes of the pieces that a fuzz target cuts its input into, 1 to 16, from a small generator.
struct Cuts: Sequence, IteratorProtocol {
    private var state: UInt32

    init(seed: UInt8) { state = UInt32(seed) | 0x100 }

    mutating func next() -> Int? {
        state = state &* 1_664_525 &+ 1_013_904_223
        return 1 + Int(state >> 28)
    }
}
