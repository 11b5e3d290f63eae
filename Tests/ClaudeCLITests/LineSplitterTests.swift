import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("Lines are cut from what the CLI prints")
struct LineSplitterTests {
    /// Feeds `bytes` in chunks and returns the lines; the fault's message stands for what follows it.
    private func lines(_ bytes: [UInt8], chunk: Int, max: Int = 1 << 20) -> [String] {
        var splitter = LineSplitter(maxLineBytes: max)
        var found: [String] = []
        var rest = bytes[...]
        do {
            while !rest.isEmpty {
                unsafe splitter.receive { buffer in
                    let part = rest.prefix(min(chunk, buffer.count))
                    unsafe buffer.copyBytes(from: part)
                    rest = rest.dropFirst(part.count)
                    return part.count
                }
                while let line = try splitter.next() {
                    found.append(String(copying: splitter.bytes.extracting(line)))
                }
            }
            if let line = splitter.takeRest() {
                found.append("rest:" + String(copying: splitter.bytes.extracting(line)))
            }
        } catch { found.append(error.message) }
        return found
    }

    @Test("lines come out as they went in, however they arrive", arguments: [1, 2, 7, 8, 9, 100, 65_536, 1 << 20])
    func anyChunk(chunk: Int) {
        let text = ["", "a", "12345678", "héé", String(repeating: "x", count: 70_000), "", "last"]
        let bytes = Array(text.joined(separator: "\n").utf8)
        #expect(lines(bytes, chunk: chunk) == text.dropLast() + ["rest:last"])
    }

    @Test("bytes just above and below a line end are no line end")
    func neighbours() {
        let bytes: [UInt8] = [0x0B, 0x09, 0x8A, 0x0A, 0x00, 0x0A, 0x0A, 0x01, 0xFF, 0x0A]
        #expect(lines(bytes, chunk: .max).count == 4)
    }

    @Test("a line of just the allowed length passes, one byte more does not", arguments: [1, 1000, 65_536])
    func limit(chunk: Int) {
        let fits = [UInt8](repeating: 0x61, count: 100_000) + [0x0A]
        #expect(lines(fits, chunk: chunk, max: 100_000).first?.utf8.count == 100_000)
        let tooLong = [UInt8](repeating: 0x61, count: 100_001) + [0x0A]
        #expect(lines(tooLong, chunk: chunk, max: 100_000) == ["The CLI printed a line that is too long."])
    }

    @Test("a line without end stops at the limit")
    func endless() {
        var splitter = LineSplitter(maxLineBytes: 1 << 20)
        var received = 0
        var isStopped = false
        for _ in 0..<10_000 where !isStopped {
            unsafe splitter.receive { buffer in
                unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0x61)
                received += buffer.count
                return buffer.count
            }
            do { _ = try splitter.next() } catch { isStopped = true }
        }
        #expect(isStopped)
        #expect(received <= (1 << 20) + 2 * 65_536)
    }

    @Test("room grows while more comes than there is room for, and is given back when little comes")
    func room() throws {
        var splitter = LineSplitter(maxLineBytes: 1 << 20)
        func offered(_ taking: (Int) -> Int) throws -> Int {
            var room = 0
            unsafe splitter.receive { buffer in
                room = buffer.count
                let count = taking(room)
                unsafe buffer[..<count].initializeMemory(as: UInt8.self, repeating: 0x0A)
                return count
            }
            while try splitter.next() != nil {}
            return room
        }
        let first = try offered { $0 }
        #expect(first == LineSplitter.leastBytes)
        for _ in 0..<3 { _ = try offered { $0 } }
        #expect(try offered { $0 } == LineSplitter.readBytes)
        for _ in 0..<2000 { _ = try offered { _ in 1 } }
        #expect(try offered { _ in 1 } == LineSplitter.leastBytes)
    }
}
