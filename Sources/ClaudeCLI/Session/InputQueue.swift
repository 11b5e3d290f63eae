/// What is waiting to be written to the CLI, piece by piece.
struct InputQueue {
    private var pieces: [ArraySlice<UInt8>] = []
    private var first = 0

    /// The next bytes to write; nil when there are none.
    var next: ArraySlice<UInt8>? { first < pieces.count ? pieces[first] : nil }

    mutating func append(_ more: [ArraySlice<UInt8>]) {
        if first == pieces.count { clear() }
        pieces += more.filter { !$0.isEmpty }
    }

    /// Removes so many bytes of `next`; a piece written whole gives its memory back.
    mutating func drop(_ count: Int) {
        pieces[first] = pieces[first].dropFirst(count)
        guard pieces[first].isEmpty else { return }
        pieces[first] = []
        first += 1
    }

    mutating func clear() {
        pieces = []
        first = 0
    }
}
