internal import CKeys

/// The digests of all secrets, found in a time that does not depend on how many there are, nor on which it is.
///
/// A digest lies in one of many buckets of equal size, chosen by its own first bytes; a look-up compares it with every
/// place of that bucket, in constant time. Digests are made under a secret, so that whoever asks cannot know which bucket
/// a guess of theirs falls into.
struct KeyTable: Sendable {
    static let digestBytes = 32
    private static let bucketPlaces = 16

    /// What opens with a digest.
    struct Entry: Sendable {
        let principal: Principal
        /// When the secret ends, in Unix seconds, though its key goes on; nil where it does not.
        let notAfter: Int?
    }

    private var digests: [UInt8]
    private var entries: [Entry?]
    private var bucketCount: Int
    /// How many digests there are.
    private(set) var count = 0

    init() { (digests, entries, bucketCount) = Self.space(1) }

    private static func space(_ buckets: Int) -> ([UInt8], [Entry?], Int) {
        let places = buckets * bucketPlaces
        return ([UInt8](repeating: 0, count: places * digestBytes), [Entry?](repeating: nil, count: places), buckets)
    }

    /// Makes room for so many digests at once.
    mutating func reserve(_ count: Int) {
        var wanted = bucketCount
        // A quarter full on average: one in 10^7 buckets then has more than it holds.
        while wanted * Self.bucketPlaces < count * 4 { wanted *= 2 }
        if wanted > bucketCount { grow(to: wanted) }
    }

    /// What a digest opens; nil when it opens nothing.
    func entry(of digest: [UInt8]) -> Entry? {
        guard let place = place(of: digest) else { return nil }
        return entries[place]
    }

    private func place(of digest: [UInt8]) -> Int? {
        guard digest.count == Self.digestBytes else { return nil }
        let first = bucket(of: digest) * Self.bucketPlaces
        let place = Self.place(of: digest, in: digests, from: first, count: Self.bucketPlaces)
        return place == 0 ? nil : first + place - 1
    }

    /// Puts a digest in, or gives it another entry, unless the one that it has is to stay; false where that is so.
    @discardableResult
    mutating func insert(_ digest: [UInt8], _ entry: Entry, unless staying: (Entry) -> Bool = { _ in false }) -> Bool {
        guard digest.count == Self.digestBytes else { return true }
        if let place = place(of: digest), let known = entries[place] {
            guard !staying(known) else { return false }
            entries[place] = entry
            return true
        }
        while true {
            let first = bucket(of: digest) * Self.bucketPlaces
            var free = first
            while free < first + Self.bucketPlaces, entries[free] != nil { free += 1 }
            if free < first + Self.bucketPlaces {
                entries[free] = entry
                for index in 0..<Self.digestBytes { digests[free * Self.digestBytes + index] = digest[index] }
                count += 1
                return true
            }
            grow(to: bucketCount * 2)
        }
    }

    /// Takes a digest out, where it is in.
    mutating func remove(_ digest: [UInt8]) {
        guard let place = place(of: digest), entries[place] != nil else { return }
        entries[place] = nil
        for index in place * Self.digestBytes..<(place + 1) * Self.digestBytes { digests[index] = 0 }
        count -= 1
    }

    private mutating func grow(to buckets: Int) {
        let (oldDigests, oldEntries) = (digests, entries)
        (digests, entries, bucketCount) = Self.space(buckets)
        count = 0
        for (place, entry) in oldEntries.enumerated() {
            guard let entry else { continue }
            insert(Array(oldDigests[place * Self.digestBytes..<(place + 1) * Self.digestBytes]), entry)
        }
    }

    private func bucket(of digest: [UInt8]) -> Int {
        var bits: UInt64 = 0
        for index in 0..<8 { bits = bits << 8 | UInt64(digest[index]) }
        return Int(truncatingIfNeeded: bits & UInt64(bucketCount - 1))
    }

    /// The place of a digest among those that begin at place `first`, counted from 1; 0 when it is not there.
    ///
    /// The time tells neither how near the digest comes to one of the others nor which it is.
    static func place(of digest: [UInt8], in digests: [UInt8], from first: Int = 0, count: Int) -> Int {
        let range = first * digestBytes..<(first + count) * digestBytes
        guard digest.count == digestBytes, digests.indices.contains(range) || range.isEmpty else { return 0 }
        return unsafe digest.withUnsafeBufferPointer { presented in
            unsafe digests.withUnsafeBufferPointer { stored in
                guard let start = stored.baseAddress else { return 0 }
                return unsafe portcullis_key_place(presented.baseAddress, start + range.lowerBound, count)
            }
        }
    }
}
