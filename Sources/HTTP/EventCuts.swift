/// Where a stream of server-sent events may be cut so that no event is torn.
///
/// Some clients, pages of Open WebUI among them, take each piece that the network gives them for whole events.
public enum EventCuts {
    /// How many bytes from `start` on go out in one piece: whole events of at most `limit` bytes together, or the one
    /// event that is longer; where no blank line ends one, all there is.
    public static func length(of bytes: Span<UInt8>, from start: Int, fitting limit: Int) -> Int {
        guard bytes.count - start > limit else { return bytes.count - start }
        if let fitting = lastEnd(in: bytes, from: start, fitting: limit) { return fitting }
        var index = max(start + 2, start + limit + 1)
        while index < bytes.count, !isEnd(bytes, index) { index += 1 }
        return min(index, bytes.count) - start
    }

    /// Where the last event ends that fits with all before it into `limit` bytes; nil when not even the first does.
    static func lastEnd(in bytes: Span<UInt8>, from start: Int, fitting limit: Int) -> Int? {
        var index = min(start + limit, bytes.count)
        while index >= start + 2 {
            if isEnd(bytes, index) { return index - start }
            index -= 1
        }
        return nil
    }

    /// True when a blank line stands in front of `index`.
    private static func isEnd(_ bytes: Span<UInt8>, _ index: Int) -> Bool {
        bytes[index - 1] == UInt8(ascii: "\n") && bytes[index - 2] == UInt8(ascii: "\n")
    }
}
