import Synchronization

/// A number of places, each for one at a time.
final class Places: Sendable {
    private let free: Mutex<Int>

    init(_ count: Int) { free = Mutex(count) }

    /// Takes a place where one is free.
    func take() -> Bool {
        free.withLock { free in
            guard free > 0 else { return false }
            free -= 1
            return true
        }
    }

    /// Gives it back.
    func give() { free.withLock { $0 += 1 } }
}

/// A few places for each key, so that no key's requests keep those of another waiting.
final class PlacesByKey: Sendable {
    private let most, total: Int
    private let taken = Mutex<[KeyID: Int]>([:])

    /// So many places a key, and so many in all.
    init(_ most: Int, total: Int = .max) { (self.most, self.total) = (most, total) }

    /// Takes a place; false when the key has none left, or there is none at all.
    func take(of id: KeyID) -> Bool {
        taken.withLock { taken in
            guard taken[id, default: 0] < most else { return false }
            guard total == .max || taken.values.reduce(0, +) < total else { return false }
            taken[id, default: 0] += 1
            return true
        }
    }

    /// Gives a place back.
    func give(of id: KeyID) {
        taken.withLock { taken in
            guard let count = taken[id] else { return }
            taken[id] = count > 1 ? count - 1 : nil
        }
    }
}
