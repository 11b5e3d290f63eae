import Glibc

/// Standard input, line by line.
struct Input {
    /// False as soon as anything came.
    private(set) var isEmpty = true
    private var pending: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 16_384)
    private var start = 0
    /// Before this there is no end of a line.
    private var searched = 0

    /// The next line that is not empty; nil at the end.
    mutating func nextLine() -> [UInt8]? {
        while true {
            while let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = pending[start..<end]
                (start, searched) = (end + 1, end + 1)
                if !line.isEmpty { return Array(line) }
            }
            pending.removeSubrange(..<start)
            (start, searched) = (0, pending.count)
            stopReadingIfAsked()
            guard readMore() else { return takeLastLine() }
        }
    }

    /// The real program also takes a last line without its newline.
    private mutating func takeLastLine() -> [UInt8]? {
        defer {
            pending = []
            searched = 0
        }
        return pending.isEmpty ? nil : pending
    }

    private mutating func readMore() -> Bool {
        var got = 0
        repeat {
            got = unsafe chunk.withUnsafeMutableBytes { unsafe read(0, $0.baseAddress, $0.count) }
        } while got < 0 && errno == EINTR
        guard got > 0 else { return false }
        isEmpty = false
        pending.append(contentsOf: chunk[..<got])
        return true
    }

    /// `standin:slowread` in a row that is still arriving: nothing more is read, the writer's pipe fills up.
    private func stopReadingIfAsked() {
        guard !pending.isEmpty, pending.count <= 65_536, pending.find("standin:slowread") != nil else { return }
        sleepForever()
    }
}
