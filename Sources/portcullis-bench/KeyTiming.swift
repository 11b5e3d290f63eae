import CKeys
import Glibc

/// Whether the time of finding a key tells anything about the keys, as hardened libraries are judged (dudect).
///
/// Inputs of two classes come in random order, from one address and copied there without a branch on their class;
/// Welch's t-test compares both classes' times over eight crops of the distribution. The same method judges two
/// look-ups that are known to tell, or its silence would prove nothing, and labels that mean nothing, or its
/// findings would not.
func measureKeyTiming(samples: Int) throws(BenchFault) {
    var trial = KeyTrial(samples: samples)
    let far = trial.random(KeyTrial.poolSize)
    let pairs: [(name: String, classes: KeyTrial.Classes)] = [
        ("which", (trial.key(0), trial.key(KeyTrial.keys - 1))),
        ("near", (trial.nearMiss, far)),
        ("whether", (trial.key(0), far)),
    ]
    for (name, classes) in pairs {
        try trial.measure("key-\(name)", classes, finding: .lookUp)
        try trial.measure("key-\(name)-control", classes, finding: .stoppingEarly)
        try trial.measure("key-\(name)-branch", classes, finding: .branching)
        try trial.measure("key-\(name)-shuffled", classes, finding: .lookUp, isShuffled: true)
    }
}

/// A way to find a digest among others.
private enum Finder {
    /// That of the gateway: the same object file is in both programs.
    case lookUp
    /// Stops at the first byte that differs and at the first match.
    case stoppingEarly
    /// Compares all in constant time and then branches, as an optimizer does with a mask that it sees through.
    case branching

    @inline(never)
    func place(of digest: [UInt8], in digests: [UInt8]) -> Int {
        unsafe digest.withUnsafeBufferPointer { presented in
            unsafe digests.withUnsafeBufferPointer { stored in
                guard let left = presented.baseAddress, let right = stored.baseAddress else { return 0 }
                switch self {
                case .lookUp: return unsafe portcullis_key_place(left, right, KeyTrial.keys)
                case .stoppingEarly: return unsafe Self.stopEarly(left, right)
                case .branching: return unsafe Self.branch(left, right, count: stored.count / KeyTrial.bytes)
                }
            }
        }
    }

    private static func stopEarly(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>) -> Int {
        for index in 0..<KeyTrial.keys {
            var byte = 0
            while byte < KeyTrial.bytes, unsafe left[byte] == right[index * KeyTrial.bytes + byte] { byte += 1 }
            if byte == KeyTrial.bytes { return index + 1 }
        }
        return 0
    }

    // The count is no constant here, or the loop would be unrolled into a branch of its own for each key.
    private static func branch(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, count: Int) -> Int {
        var place = 0
        for index in 0..<count where unsafe portcullis_key_place(left, right + index * KeyTrial.bytes, 1) != 0 {
            place = found(index)
        }
        return place
    }

    // A call, for which there is no conditional move.
    @inline(never)
    private static func found(_ index: Int) -> Int { index + 1 }
}

/// Keys, inputs made from them, and the measuring.
private struct KeyTrial {
    /// Two lists of inputs, of `poolSize` digests each.
    typealias Classes = (left: [UInt8], right: [UInt8])

    static let keys = 16
    static let bytes = 32
    static let poolSize = 1_024

    private let samples: Int
    private var generator = Xorshift(state: 0x9E37_79B9_7F4A_7C15)
    private let digests: [UInt8]
    /// Looked up and not computed, or the optimizer would know them for masks and could branch.
    private let masks: [UInt8] = [0, 0xFF]

    init(samples: Int) {
        self.samples = samples
        digests = generator.bytes(Self.keys * Self.bytes)
    }

    /// The digest of one key, again and again.
    func key(_ index: Int) -> [UInt8] { repeated(Array(digests[(index * Self.bytes)...].prefix(Self.bytes))) }

    /// All of the first key but for its last bit.
    var nearMiss: [UInt8] { repeated(digests[..<(Self.bytes - 1)] + [digests[Self.bytes - 1] ^ 1]) }

    mutating func random(_ count: Int) -> [UInt8] { generator.bytes(count * Self.bytes) }

    private func repeated(_ digest: some Collection<UInt8>) -> [UInt8] {
        Array(repeatElement(digest, count: Self.poolSize).joined())
    }

    /// Measures one pair of classes and prints what came of it; shuffled, the times get labels by lot.
    mutating func measure(
        _ name: String, _ classes: Classes, finding finder: Finder, isShuffled: Bool = false
    ) throws(BenchFault) {
        var times = [Histogram(), Histogram()]
        var scratch = [UInt8](repeating: 0, count: Self.bytes)
        var sum = 0
        for _ in 0..<samples {
            let bits = generator.next()
            let label = Int(bits >> 40 & 1)
            choose(Int(bits >> 41 & 0x3FF) * Self.bytes, of: classes, right: label == 1, into: &scratch)
            let start = nanoseconds()
            sum &+= finder.place(of: scratch, in: digests)
            let end = nanoseconds()
            times[isShuffled ? Int(bits >> 60 & 1) : label].add(end - start)
        }
        guard sum > 0 || samples < 1_000 || name.hasPrefix("key-near") else {
            throw BenchFault(message: "\(name): nothing was found")
        }
        let t = Histogram.crops.map { abs(Histogram.compare(times[0], times[1], crop: $0).t) }.max() ?? 0
        let bulk = Histogram.compare(times[0], times[1], crop: 0.9)
        report("\(name)-t", t, "standard errors, the most of \(Histogram.crops.count) crops")
        report("\(name)-left", bulk.left, "ns, mean of the quickest 90 %")
        report("\(name)-right", bulk.right, "ns, mean of the quickest 90 %")
        report("\(name)-interval", bulk.error * 1.96, "ns, half of the 95 % interval")
        report("\(name)-bound", abs(bulk.right - bulk.left) + bulk.error * 1.96, "ns at most, 95 %")
    }

    /// Copies an input: both classes' are read and one is kept by a mask, so that caches and predictors see no class.
    private func choose(_ offset: Int, of classes: Classes, right isRight: Bool, into scratch: inout [UInt8]) {
        let mask = masks[isRight ? 1 : 0]
        for byte in 0..<Self.bytes {
            scratch[byte] = classes.left[offset + byte] & ~mask | classes.right[offset + byte] & mask
        }
    }

    private func nanoseconds() -> Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC_RAW, &time)
        return time.tv_sec &* 1_000_000_000 &+ time.tv_nsec
    }
}

/// How often each time was seen, in nanoseconds; longer ones are interruptions and count as the longest.
private struct Histogram {
    /// The part of the distribution, from below, that a crop keeps.
    static let crops = [1, 0.999, 0.99, 0.95, 0.9, 0.75, 0.5, 0.25]
    private static let longest = 65_535

    private var counts = [Int](repeating: 0, count: longest + 1)
    private var total = 0

    mutating func add(_ time: Int) {
        counts[min(max(0, time), Self.longest)] += 1
        total += 1
    }

    /// Both means, the standard error of their difference and Welch's t, below the time that `crop` of both together
    /// do not exceed.
    static func compare(
        _ left: Histogram, _ right: Histogram, crop: Double
    ) -> (left: Double, right: Double, error: Double, t: Double) {
        let wanted = Double(left.total + right.total) * crop
        var seen = 0.0
        var limit = 0
        while limit <= longest, seen < wanted {
            seen += Double(left.counts[limit] + right.counts[limit])
            limit += 1
        }
        let (a, b) = (left.moments(below: limit), right.moments(below: limit))
        let error = (a.variance / a.count + b.variance / b.count).squareRoot()
        return (a.mean, b.mean, error, error > 0 ? (a.mean - b.mean) / error : 0)
    }

    private func moments(below limit: Int) -> (count: Double, mean: Double, variance: Double) {
        var (count, sum, squares) = (0.0, 0.0, 0.0)
        for time in 0..<limit where counts[time] > 0 {
            let weight = Double(counts[time])
            count += weight
            sum += weight * Double(time)
            squares += weight * Double(time) * Double(time)
        }
        guard count > 1 else { return (1, 0, 0) }
        let mean = sum / count
        return (count, mean, max(0, squares / count - mean * mean))
    }
}

/// A quick generator for inputs and for the order of the classes (Marsaglia 2003).
private struct Xorshift {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }
}
