/// One line of the log under construction: `key=value` pairs in one buffer.
///
/// Values are quoted where they need it and cut where they are long; no value can begin a new line, hide the
/// rest of one, or steer a terminal.
struct LogLine: ~Copyable {
    /// A pipe takes a line of this length whole or not at all (`PIPE_BUF`).
    static let maxBytes = 4096
    /// The longest value; more is cut and ends in three dots.
    static let maxValueBytes = 1024

    private(set) var bytes: [UInt8] = []
    private var isFull = false

    init(_ prefix: some Collection<UInt8>) {
        bytes.reserveCapacity(512)
        bytes.append(contentsOf: prefix)
    }

    /// Adds text.
    mutating func add(_ key: StaticString, _ value: String) {
        addKey(key, room: value.utf8.count) { $0.append(value: value.utf8) }
    }

    /// Adds text where there is some.
    mutating func add(_ key: StaticString, _ value: String?) {
        if let value { add(key, value) }
    }

    /// Adds bytes that a peer sent.
    mutating func add(_ key: StaticString, bytes value: ArraySlice<UInt8>) {
        addKey(key, room: value.count) { $0.append(value: value) }
    }

    /// Adds a number.
    mutating func add(_ key: StaticString, _ value: some BinaryInteger) {
        addKey(key, room: 20) { $0.append(number: Int(clamping: value)) }
    }

    /// Adds a number where there is one.
    mutating func add(_ key: StaticString, _ value: Int?) {
        if let value { add(key, value) }
    }

    /// Adds milliseconds with three decimals, where microseconds are known.
    mutating func add(_ key: StaticString, milliseconds microseconds: Int?) {
        if let microseconds { add(key, decimal: microseconds, places: 3) }
    }

    /// Adds a number of parts as a decimal number: with three places 1500 as `1.500`.
    mutating func add(_ key: StaticString, decimal parts: Int, places: Int) {
        let scale = (0..<places).reduce(1) { scale, _ in scale * 10 }
        addKey(key, room: 20) { line in
            line.append(number: parts / scale)
            line.bytes.append(UInt8(ascii: "."))
            let rest = parts.magnitude % UInt(scale)
            var divisor = UInt(scale) / 10
            while divisor > 0 {
                line.bytes.append(UInt8(ascii: "0") + UInt8(rest / divisor % 10))
                divisor /= 10
            }
        }
    }

    mutating func finish() { bytes.append(UInt8(ascii: "\n")) }

    /// Writes ` key=` and the value, or nothing more at all once a pair did not fit.
    private mutating func addKey(_ key: StaticString, room: Int, _ value: (inout LogLine) -> Void) {
        // The worst value is escaped fourfold, plus quotes, ellipsis and the line's end.
        let worst = min(room, Self.maxValueBytes) * 4 + key.utf8CodeUnitCount + 8
        if isFull || bytes.count + min(worst, Self.maxValueBytes + 64) > Self.maxBytes {
            isFull = true
            return
        }
        if let last = bytes.last, last != UInt8(ascii: ">") { bytes.append(UInt8(ascii: " ")) }
        key.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "="))
        value(&self)
    }

    private mutating func append(number: Int) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// Appends a value of at most `maxValueBytes` as written: bare, or in quotes with escapes.
    private mutating func append(value: some Collection<UInt8>) {
        if !value.isEmpty, value.count <= Self.maxValueBytes, value.allSatisfy(Self.isBare) {
            bytes.append(contentsOf: value)
            return
        }
        bytes.append(UInt8(ascii: "\""))
        let end = bytes.count + Self.maxValueBytes
        var isCut = false
        for byte in value {
            if bytes.count + 4 > end {  // an escape takes four bytes
                isCut = true
                break
            }
            append(escaped: byte)
        }
        if isCut { bytes.append(contentsOf: "...".utf8) }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func append(escaped byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
        case 0x20..<0x7F: bytes.append(byte)
        default:
            // Also bytes above 0x7F: some of them are control characters to a terminal (U+0080 to U+009F).
            bytes.append(contentsOf: "\\x".utf8)
            for digit in [byte >> 4, byte & 15] {
                bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
            && byte != UInt8(ascii: "\\")
    }
}
