/// Which known name somebody meant who wrote another.
enum Suggestion {
    /// How far off a name may be.
    enum Nearness {
        /// For what is a fault anyway: a letter in a short name, up to three in a long one, or a unit left out.
        case faults
        /// For what may be somebody else's: a letter in a name of eight, two in one of sixteen, the first one right.
        case strangers

        func limit(for name: String) -> Int {
            switch (self, name.utf8.count) {
            case (.faults, ...5), (.strangers, 8..<16): 1
            case (.faults, ...9), (.strangers, 16...): 2
            case (.faults, _): 3
            case (.strangers, _): -1
            }
        }
    }

    /// Longer words are nobody's misspelling.
    static let maximumBytes = 64

    /// The name that is nearest, the first of several; nil when none is near.
    static func nearest(
        to written: String, among names: some Sequence<String>, _ nearness: Nearness = .faults
    ) -> String? {
        let word = Array(written.utf8)
        guard !word.isEmpty, word.count <= maximumBytes else { return nil }
        var best: (name: String, distance: Int)?
        for name in names {
            let limit = min(nearness.limit(for: name), (best?.distance ?? .max) - 1)
            let bytes = Array(name.utf8)
            guard limit >= 0, nearness == .faults || bytes.first == word.first else { continue }
            if let distance = distance(word, bytes, atMost: limit) {
                best = (name, distance)
            } else if nearness == .faults, limit >= 1,
                let distance = distance(withoutUnit(word), withoutUnit(bytes), atMost: limit - 1)
            {
                best = (name, distance + 1)
            }
        }
        return best?.name
    }

    /// Letters to leave out, add, replace or swap with their neighbours; nil when they are more than `limit`.
    static func distance(_ left: [UInt8], _ right: [UInt8], atMost limit: Int) -> Int? {
        guard abs(left.count - right.count) <= limit else { return nil }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                var cost = min(
                    last[column] + (left[row] == right[column] ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            guard let least = current.min(), least <= limit else { return nil }
            (beforeLast, last) = (last, current)
        }
        return last[right.count] <= limit ? last[right.count] : nil
    }

    /// `MAX_BODY` of `MAX_BODY_BYTES`: the unit is what people forget.
    private static func withoutUnit(_ name: [UInt8]) -> [UInt8] {
        for unit in ["_BYTES", "_SECONDS", "_MS", "_DAYS"] where name.count > unit.utf8.count {
            if name.suffix(unit.utf8.count).elementsEqual(unit.utf8) { return name.dropLast(unit.utf8.count) }
        }
        return name
    }
}
