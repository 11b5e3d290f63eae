import Glibc

/// What the kernel needs beside a program's own file to run it, by the beginning of that file.
enum ProgramForm: Equatable {
    /// Machine code, which a loader, where one is named, puts together.
    case native(loader: String?)
    /// A text for an interpreter, which reads who knows what.
    case script

    private static let headBytes = 4096

    /// The form of the file at `path`; nil where it cannot be read.
    init?(path: String) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var head = [UInt8](repeating: 0, count: Self.headBytes)
        let count = unsafe head.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return nil }
        self.init(head: head[..<count])
    }

    /// The form of a file that begins so.
    init(head: ArraySlice<UInt8>) {
        guard head.starts(with: [0x7F, UInt8(ascii: "E"), UInt8(ascii: "L"), UInt8(ascii: "F"), 2, 1]) else {
            self = .script
            return
        }
        // Of the 64-bit form, little endian: where the program headers are, how large each is and how many there are.
        guard let start = Self.number(head, 32, bytes: 8), let size = Self.number(head, 54, bytes: 2),
            let count = Self.number(head, 56, bytes: 2)
        else {
            self = .native(loader: nil)
            return
        }
        self = .native(loader: Self.loader(head, start, size, count))
    }

    private static func loader(_ head: ArraySlice<UInt8>, _ start: Int, _ size: Int, _ count: Int) -> String? {
        for index in 0..<min(count, headBytes / 56) where start < headBytes && size < headBytes {
            let row = start + index * size
            guard number(head, row, bytes: 4) == interpreter, let place = number(head, row + 8, bytes: 8),
                let length = number(head, row + 32, bytes: 8), length > 1, length < headBytes, place < headBytes,
                head.count >= place + length
            else { continue }
            return String(validating: head.dropFirst(place).prefix(length - 1), as: UTF8.self)
        }
        return nil
    }

    /// PT_INTERP.
    private static let interpreter = 3

    private static func number(_ head: ArraySlice<UInt8>, _ offset: Int, bytes: Int) -> Int? {
        guard offset >= 0, head.count >= offset + bytes else { return nil }
        let digits = head.dropFirst(offset).prefix(bytes)
        return Int(exactly: digits.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
