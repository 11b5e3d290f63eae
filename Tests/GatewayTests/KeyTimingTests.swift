import Glibc
import Testing

@testable import Gateway

extension Tag {
    /// Takes seconds.
    @Tag static var slow: Self
}

/// True in a process that the thread sanitizer watches.
private let isThreadSanitized = unsafe dlsym(nil, "__tsan_init") != nil

/// Whether the time of a key comparison tells anything about the keys: Welch's t-test on two classes of input
/// in random order, over eight crops of the distribution, as hardened libraries are judged.
///
/// The same method must first see a comparison that is known to tell, or its silence would prove nothing.
@Suite(
    "Key timing", .serialized, .tags(.slow), .timeLimit(.minutes(1)),
    .disabled(if: isThreadSanitized, "the thread sanitizer's own time drowns what is measured"))
struct KeyTimingTests {
    private static let keys = 16
    /// Beyond this a difference is taken as real: 4.5 standard errors.
    private static let threshold = 4.5

    @Test("the time of a refusal does not tell how much of a key was right")
    func refusal() throws {
        var generator = Xorshift(state: 0xD1B5_4A32_D192_ED03)
        let letters = Array("abcdefghijklmnopqrstuvwxyz012345".utf8)
        func secret() -> [UInt8] { generator.bytes(32).map { letters[Int($0 & 31)] } }
        let secrets = (0..<Self.keys).map { _ in secret() }
        let ring = KeyRing(
            try secrets.enumerated().map { index, secret in
                try #require(APIKey(name: "key-\(index)", secret: String(decoding: secret, as: UTF8.self)))
            })
        let near = DigestPool { _ in Array(secrets[0][..<31]) + [UInt8(ascii: "-")] }
        let random = DigestPool { _ in secret() }
        var seen: [Double] = []
        for _ in 0..<3 {
            // Fewer than below: each takes an HMAC, behind which the comparison all but vanishes.
            let t = largestT(near, random, samples: 200_000, &generator) {
                ring.authenticate($0.span) == nil ? 0 : 1
            }
            seen.append(t)
            if t < Self.threshold { return }
        }
        Issue.record("|t| was \(seen) in three runs")
    }

    @Test("the time of a look-up tells neither how near a digest comes nor which key it is")
    func lookUp() {
        var generator = Xorshift(state: 0x9E37_79B9_7F4A_7C15)
        let digests = generator.bytes(Self.keys * KeyRing.digestBytes)
        let random = DigestPool { _ in generator.bytes(KeyRing.digestBytes) }
        let near = DigestPool { _ in Array(digests[..<31]) + [digests[31] ^ 1] }
        let first = DigestPool { _ in Array(digests[..<32]) }
        let last = DigestPool { _ in Array(digests.suffix(32)) }

        let control = largestT(first, last, samples: 100_000, &generator) { Self.earlyExit($0, digests) }
        #expect(control > 10, "the method does not even see a look-up that stops at the first match")

        func subject(_ digest: [UInt8]) -> Int {
            unsafe KeyRing.place(of: digest, in: digests, compare: KeyRing.compare)
        }
        var seen: [Double] = []
        for _ in 0..<3 {
            let nearness = largestT(near, random, samples: 1_000_000, &generator, subject)
            let position = largestT(first, last, samples: 500_000, &generator, subject)
            seen.append(max(nearness, position))
            if nearness < Self.threshold, position < Self.threshold { return }
        }
        Issue.record("|t| was \(seen) in three runs; the control reached \(control)")
    }

    /// The mistake that the ring must not make.
    private static func earlyExit(_ digest: [UInt8], _ digests: [UInt8]) -> Int {
        unsafe digest.withUnsafeBytes { presented in
            unsafe digests.withUnsafeBytes { stored in
                guard let left = presented.baseAddress, let right = stored.baseAddress else { return 0 }
                for index in 0..<keys where unsafe memcmp(left, right + index * 32, 32) == 0 {
                    return index + 1
                }
                return 0
            }
        }
    }

    /// The largest |t| over all crops.
    private func largestT(
        _ left: DigestPool, _ right: DigestPool, samples: Int, _ generator: inout Xorshift,
        _ body: ([UInt8]) -> Int
    ) -> Double {
        let inputs = DigestPool(left, right)
        var times = [Histogram(), Histogram()]
        var scratch = [UInt8](repeating: 0, count: KeyRing.digestBytes)
        var sum = 0
        for _ in 0..<samples {
            let bits = generator.next()
            let index = Int(bits >> 40 & 0x7FF)
            // Both classes lie side by side and are copied to one place, so that caches treat them alike.
            inputs.copy(index, to: &scratch)
            let start = nanoseconds()
            sum &+= body(scratch)
            let end = nanoseconds()
            times[index & 1].add(end - start)
        }
        #expect(sum >= 0)
        return Histogram.crops.map { abs(Histogram.welch(times[0], times[1], crop: $0)) }.max() ?? 0
    }

    private func nanoseconds() -> Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC_RAW, &time)
        return time.tv_sec &* 1_000_000_000 &+ time.tv_nsec
    }
}

/// 1024 inputs of one class.
private struct DigestPool {
    private let bytes: [UInt8]

    init(_ make: (Int) -> [UInt8]) { bytes = (0..<1024).flatMap(make) }

    /// Two classes by turns: even places are of the one, odd ones of the other.
    init(_ left: DigestPool, _ right: DigestPool) {
        bytes = (0..<1024).flatMap { index in
            let place = (index * 32)..<(index * 32 + 32)
            return left.bytes[place] + right.bytes[place]
        }
    }

    func copy(_ index: Int, to scratch: inout [UInt8]) {
        unsafe bytes.withUnsafeBytes { source in
            unsafe scratch.withUnsafeMutableBytes {
                unsafe $0.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: source[(index * 32)..<(index * 32 + 32)]))
            }
        }
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

    /// Welch's t of both classes below the time that `crop` of both together do not exceed.
    static func welch(_ left: Histogram, _ right: Histogram, crop: Double) -> Double {
        let wanted = Double(left.total + right.total) * crop
        var seen = 0.0
        var limit = 0
        while limit < longest, seen < wanted {
            seen += Double(left.counts[limit] + right.counts[limit])
            limit += 1
        }
        let (a, b) = (left.moments(below: limit), right.moments(below: limit))
        let error = (a.variance / a.count + b.variance / b.count).squareRoot()
        return error > 0 ? (a.mean - b.mean) / error : 0
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
