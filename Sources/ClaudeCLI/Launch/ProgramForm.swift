import Glibc

/// What the kernel needs beside a program's own file to run it, by what that file says.
enum ProgramForm: Equatable {
    /// Machine code, which a loader, where one is named, puts together.
    case native(loader: String?)
    /// A text for an interpreter, which reads who knows what.
    case script

    /// The form of the file at `path`; nil where it cannot be read.
    init?(path: String) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        self.init { offset, count in
            var bytes = [UInt8](repeating: 0, count: count)
            let read = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, count, offset) }
            return bytes.prefix(max(0, read))
        }
    }

    /// The form of a file of which `read` gives at most `count` bytes from `offset` on; nil for an empty one.
    init?(reading read: (_ offset: Int, _ count: Int) -> ArraySlice<UInt8>) {
        let head = read(0, Self.headBytes)
        guard !head.isEmpty else { return nil }
        guard head.starts(with: [0x7F, UInt8(ascii: "E"), UInt8(ascii: "L"), UInt8(ascii: "F"), 2, 1]) else {
            self = .script
            return
        }
        guard let (place, length) = Self.loaderName(in: head) else {
            self = .native(loader: nil)
            return
        }
        // It ends in a zero byte.
        self = .native(loader: String(validating: read(place, length).dropLast(), as: UTF8.self))
    }

    private static let headBytes = 4096
    private static let longestName = 4096
    /// PT_INTERP.
    private static let interpreter = 3

    /// Where the name of the loader stands, in a file of the 64-bit form, little endian, that begins with `head`.
    private static func loaderName(in head: ArraySlice<UInt8>) -> (place: Int, length: Int)? {
        // Where the program headers are, how large each is and how many there are.
        guard let start = number(head, 32, bytes: 8), let size = number(head, 54, bytes: 2),
            let count = number(head, 56, bytes: 2), start < headBytes
        else { return nil }
        for index in 0..<count {
            let row = start + index * size
            guard let kind = number(head, row, bytes: 4) else { return nil }
            guard kind == interpreter, let place = number(head, row + 8, bytes: 8),
                let length = number(head, row + 32, bytes: 8), (2...longestName).contains(length)
            else { continue }
            return (place, length)
        }
        return nil
    }

    private static func number(_ head: ArraySlice<UInt8>, _ offset: Int, bytes: Int) -> Int? {
        guard head.count >= offset + bytes else { return nil }
        let digits = head.dropFirst(offset).prefix(bytes)
        return Int(exactly: digits.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
