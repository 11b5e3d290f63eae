import Glibc
public import Vocabulary

/// Cuts what a CLI prints into lines without copying them: a line is a range of the splitter's own buffer.
///
/// Bytes arrive in the free end of the buffer; only the unfinished line at its end is ever moved. Memory is
/// bounded by `maxLineBytes` plus one read, and small as long as little comes at once: a thousand processes that
/// each print a line now and then must not hold room for what a pipe can.
public struct LineSplitter: ~Copyable {
    /// How much a read may bring at once, in bytes.
    static let readBytes = 64 * 1024
    /// The room that there is at first, and again once little comes.
    static let leastBytes = 4 * 1024
    /// After so many reads in a row that a quarter of the room would have done for, it is halved.
    private static let smallReads = 256

    private var buffer: [UInt8]
    /// The first byte of the next line.
    private var start = 0
    /// The byte behind the last one received.
    private var end = 0
    /// Bytes before this one are known to hold no line end: without it, byte-wise input costs quadratic time.
    private var scanned = 0
    private let maxLineBytes: Int
    /// True when the last read took all the room there was, so that more may be waiting.
    private var isShortOfRoom = false
    /// How many reads in a row have left three quarters of the room.
    private var small = 0

    /// A splitter that refuses lines of more than `maxLineBytes`.
    public init(maxLineBytes: Int = CLILimits.defaultMaxLineBytes) {
        self.maxLineBytes = maxLineBytes
        buffer = [UInt8](repeating: 0, count: Self.leastBytes)
    }

    /// The bytes of a range that `next()` returned; good until the next `receive`.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get { buffer.span }
    }

    /// True when nothing has been received that was not handed out as a line.
    var isEmpty: Bool { start == end }

    /// Offers the free end of the buffer to `read`, which returns how many bytes it filled.
    ///
    /// Call only after `next()` returned nil: ranges returned before are void afterwards.
    public mutating func receive(_ read: (UnsafeMutableRawBufferPointer) -> Int) {
        makeRoom()
        let free = end..<min(buffer.count, end + Self.readBytes)
        let count = unsafe buffer.withUnsafeMutableBytes { all in
            unsafe read(UnsafeMutableRawBufferPointer(rebasing: all[free]))
        }
        let received = min(max(count, 0), free.count)
        end += received
        isShortOfRoom = received == free.count
        small = end <= buffer.count / 4 ? small + 1 : 0
    }

    /// The next complete line without its end; nil when more bytes are needed.
    ///
    /// Throws when the line at hand is longer than allowed; nothing more can be read then.
    public mutating func next() throws(Fault) -> Range<Int>? {
        guard let lineEnd = findLineEnd() else {
            scanned = end
            guard end - start <= maxLineBytes else { throw tooLong() }
            return nil
        }
        let line = start..<lineEnd
        start = lineEnd + 1
        scanned = start
        guard line.count <= maxLineBytes else { throw tooLong() }
        return line
    }

    /// Hands every complete line to `body` until it returns false.
    ///
    /// Throws when a line is longer than allowed; nothing more can be read then.
    mutating func forEachLine(_ body: (Span<UInt8>) -> Bool) throws(Fault) {
        while let line = try next() {
            if !body(buffer.span.extracting(line)) { return }
        }
    }

    /// Hands the bytes of a range to `body`.
    func withBytes(of range: Range<Int>, _ body: (Span<UInt8>) -> Void) {
        body(buffer.span.extracting(range))
    }

    /// The unfinished line that remains when the CLI has closed its output; nil when there is none.
    public mutating func takeRest() -> Range<Int>? {
        guard end > start else { return nil }
        defer { (start, scanned) = (end, end) }
        return start..<end
    }

    private func findLineEnd() -> Int? {
        guard scanned < end else { return nil }
        let (from, count) = (scanned, end - scanned)
        return unsafe buffer.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let found = unsafe memchr(base + from, 0x0A, count) else {
                return nil
            }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    private mutating func makeRoom() {
        if start == end {
            (start, end, scanned) = (0, 0, 0)
            shrink()
        }
        let usual = min(buffer.count, Self.readBytes)
        // Room that a read has filled grows at once, up to what a read may bring.
        let wanted = isShortOfRoom && usual < Self.readBytes ? min(4 * usual, Self.readBytes) : usual / 2
        guard buffer.count - end < wanted else { return }
        // A buffer at its largest must make room by moving, however much: a read into no room would look like the end.
        let canGrow = buffer.count < maxLineBytes + 2 * Self.readBytes
        if start > 0, end - start <= buffer.count / 2 || !canGrow {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            }
            noteMove()
        }
        guard buffer.count - end < wanted else { return }
        let size = min(max(buffer.count * 2, end - start + wanted), maxLineBytes + 2 * Self.readBytes)
        if size > buffer.count { grow(to: size) }
    }

    private mutating func grow(to size: Int) {
        var larger = [UInt8](repeating: 0, count: size)
        unsafe larger.withUnsafeMutableBytes { target in
            unsafe buffer.withUnsafeBytes { source in
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<end]))
            }
        }
        buffer = larger
        noteMove()
    }

    /// The unfinished line is at the buffer's beginning now.
    private mutating func noteMove() {
        scanned -= start
        end -= start
        start = 0
    }

    /// Gives room back that is no longer needed; only while nothing is held.
    private mutating func shrink() {
        // One huge line must not keep its memory for the rest of a long answer.
        let isHuge = buffer.count > 4 * Self.readBytes
        guard isHuge || small >= Self.smallReads, buffer.count > Self.leastBytes else { return }
        small = 0
        buffer = [UInt8](repeating: 0, count: isHuge ? Self.readBytes : max(Self.leastBytes, buffer.count / 2))
    }

    private func tooLong() -> Fault {
        Fault(
            .badGateway, "The CLI printed a line that is too long.",
            detail: "line of more than \(maxLineBytes) bytes")
    }
}
