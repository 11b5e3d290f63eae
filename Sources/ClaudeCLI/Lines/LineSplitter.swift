import Glibc
public import Vocabulary

/// Cuts what a CLI prints into lines without copying them: a line is a range of the splitter's own buffer.
///
/// Bytes arrive in the free end of the buffer; only the unfinished line at its end is ever moved. Memory is
/// bounded by `maxLineBytes` plus one read.
public struct LineSplitter: ~Copyable {
    /// How much a read may bring at once, in bytes.
    static let readBytes = 64 * 1024

    private var buffer: [UInt8]
    /// The first byte of the next line.
    private var start = 0
    /// The byte behind the last one received.
    private var end = 0
    /// Bytes before this one are known to hold no line end: without it, byte-wise input costs quadratic time.
    private var scanned = 0
    private let maxLineBytes: Int

    /// A splitter that refuses lines of more than `maxLineBytes`.
    public init(maxLineBytes: Int = CLILimits.defaultMaxLineBytes) {
        self.maxLineBytes = maxLineBytes
        buffer = [UInt8](repeating: 0, count: Self.readBytes)
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
        end += min(max(count, 0), free.count)
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
            // One huge line must not keep its memory for the rest of a long answer.
            if buffer.count > 4 * Self.readBytes { buffer = [UInt8](repeating: 0, count: Self.readBytes) }
        }
        guard buffer.count - end < Self.readBytes / 2 else { return }
        // A buffer at its largest must make room by moving, however much: a read into no room would look like the end.
        let canGrow = buffer.count < maxLineBytes + 2 * Self.readBytes
        if start > 0, end - start <= buffer.count / 2 || !canGrow {
            for offset in 0..<end - start { buffer[offset] = buffer[start + offset] }
            scanned -= start
            end -= start
            start = 0
        }
        guard buffer.count - end < Self.readBytes / 2 else { return }
        let size = min(max(buffer.count * 2, end + Self.readBytes), maxLineBytes + 2 * Self.readBytes)
        guard size > buffer.count else { return }
        buffer.append(contentsOf: repeatElement(0, count: size - buffer.count))
    }

    private func tooLong() -> Fault {
        Fault(
            .badGateway, "The CLI printed a line that is too long.",
            detail: "line of more than \(maxLineBytes) bytes")
    }
}
