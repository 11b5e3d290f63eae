import Vocabulary

/// Takes the one string out of `{"input":"…"}` while it is being written: the input of a free-text tool.
///
/// The model calls such a tool with that object, the client wants its text alone. What comes out are escaped pieces of
/// the text, each valid between JSON quotes by itself. An object of another shape is handed over when it has ended: its
/// `input` where it has one, else the whole of it.
struct FreeTextInput: Sendable {
    private enum State { case opening, inside, ended, unknown }

    private var state = State.opening
    /// What has come, as long as nothing of it has gone out.
    private var held: [UInt8] = []
    /// The beginning of an escape whose rest has not come, with the first half of a pair in front of it.
    private var escape: [UInt8] = []

    /// Takes a piece of the object's text and appends what it adds to the input.
    mutating func take(_ piece: Span<UInt8>, into out: inout [UInt8]) {
        switch state {
        case .opening, .unknown:
            held.append(copying: piece)
            guard state == .opening else { return }
            switch Self.opening(held.span) {
            // It is looked at again with each piece, which nobody may make many of.
            case .unfinished: if held.count > Self.longestOpening { state = .unknown }
            case .other: state = .unknown
            case .text(let start):
                state = .inside
                let rest = Array(held[start...])
                held = []
                for byte in rest { take(byte, into: &out) }
            }
        case .inside: for index in piece.indices { take(piece[index], into: &out) }
        case .ended: return
        }
    }

    /// Appends what had to wait for the object's end.
    mutating func finish(into out: inout [UInt8]) {
        defer { self = FreeTextInput() }
        guard state == .opening || state == .unknown, !held.isEmpty else { return }
        guard let document = try? JSONDocument(parsing: held), document.root.kind == .object else {
            out += JSONText(String(decoding: held, as: UTF8.self)).escaped
            return
        }
        if let text = document.root["input"]?.text {
            out += text.escaped
        } else if document.root.members.first(where: { _ in true }) != nil {
            out += JSONText(String(decoding: held, as: UTF8.self)).escaped
        }
    }

    private static let longestOpening = 256

    // MARK: - The text

    private mutating func take(_ byte: UInt8, into out: inout [UInt8]) {
        guard state == .inside else { return }
        if escape.isEmpty || (escape.count == 6 && byte != UInt8(ascii: "\\")) {
            flushHalf(&out)
            switch byte {
            case UInt8(ascii: "\""): state = .ended
            case UInt8(ascii: "\\"): escape.append(byte)
            case 0..<0x20: out += JSONText(String(UnicodeScalar(byte))).escaped
            default: out.append(byte)
            }
            return
        }
        escape.append(byte)
        endEscape(&out)
    }

    /// Appends the escape when it is complete; the first half of a pair waits for the second.
    private mutating func endEscape(_ out: inout [UInt8]) {
        let first = escape.count > 6 ? 6 : 0
        let count = escape.count - first
        if (count == 2 && !Self.isKnown(escape[first + 1])) || (count > 2 && !Self.isHexDigit(escape[first + count - 1])) {
            // No escape of JSON: the backslash was meant as itself.
            let rest = Array(escape[(first + 1)...])
            escape = Array(escape[..<first])
            flushHalf(&out)
            out.append("\\\\")
            for byte in rest { take(byte, into: &out) }
            return
        }
        if count == 2, escape[first + 1] != UInt8(ascii: "u") {
            let whole = escape[first...]
            escape = Array(escape[..<first])
            flushHalf(&out)
            out += whole
            return
        }
        guard count == 6 else { return }
        if first == 0, Self.isFirstHalf(escape[...]) { return }
        if first == 6, !Self.isSecondHalf(escape[6...]) {
            let second = Array(escape[6...])
            escape = Array(escape[..<6])
            flushHalf(&out)
            escape = second
            return endEscape(&out)
        }
        out += escape
        escape = []
    }

    /// A half without its other is no character.
    private mutating func flushHalf(_ out: inout [UInt8]) {
        guard !escape.isEmpty else { return }
        out.append("\\ufffd")
        escape = []
    }

    private static func isKnown(_ byte: UInt8) -> Bool {
        "\"\\/bfnrtu".utf8.contains(byte)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private static func isFirstHalf(_ escape: ArraySlice<UInt8>) -> Bool { half(escape, "89ab") }

    private static func isSecondHalf(_ escape: ArraySlice<UInt8>) -> Bool { half(escape, "cdef") }

    private static func half(_ escape: ArraySlice<UInt8>, _ digits: String) -> Bool {
        let start = escape.startIndex
        return escape[start + 2] | 0x20 == UInt8(ascii: "d") && digits.utf8.contains(escape[start + 3] | 0x20)
    }

    // MARK: - The opening

    private enum Opening {
        case unfinished, other
        /// The text begins here.
        case text(Int)
    }

    /// What `{"input":"` comes to, with white space where JSON allows it.
    private static func opening(_ bytes: Span<UInt8>) -> Opening {
        var index = 0
        for part in ["{", "\"input\"", ":", "\""] {
            while index < bytes.count, isSpace(bytes[index]) { index += 1 }
            for byte in part.utf8 {
                guard index < bytes.count else { return .unfinished }
                guard bytes[index] == byte else { return .other }
                index += 1
            }
        }
        return .text(index)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }
}
