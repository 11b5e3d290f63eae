/// Counts what a task does without waiting, so that it lets the others of its loop have their turn in between.
///
/// A peer on another core can keep a task from ever finding its socket empty.
struct Fairness {
    /// So much is done in one turn.
    static let allowance = 16
    private var left = Self.allowance

    /// Counts one more; true when it is time to yield, and the count begins anew.
    mutating func isSpent() -> Bool {
        left -= 1
        guard left == 0 else { return false }
        left = Self.allowance
        return true
    }
}
