import Vocabulary

/// 22 letters and digits that no other answer has.
package struct Identifier {
    /// How many.
    package static let count = 22
    /// They.
    package private(set) var digits = InlineArray<22, UInt8>(repeating: 0)

    init(using random: inout SplitMix64) {
        for half in 0..<2 {
            var bits = random.next()
            for index in 0..<11 { digits[half * 11 + index] = Base62.digit(&bits) }
        }
    }
}

/// A fast generator for identifiers (Steele, Lea, Flood: SplitMix, 2014); never for secrets.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
