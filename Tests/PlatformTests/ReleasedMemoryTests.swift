import Glibc
import Testing

@testable import Platform

@Suite("Memory that nobody needs goes back to the kernel", .serialized)
struct ReleasedMemoryTests {
    private func residentBytes() throws -> Int {
        let file = unsafe open("/proc/self/statm", O_RDONLY)
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: 256)
        let count = unsafe read(file, &text, text.count)
        let fields = String(decoding: text[..<max(0, count)], as: UTF8.self).split(separator: " ")
        return try #require(Int(fields[1])) * sysconf(Int32(_SC_PAGESIZE))
    }

    @Test("freed blocks are given back though a block that is still used lies behind them, and code runs on")
    func blocks() throws {
        let (count, size) = (4096, 32 << 10)
        var blocks: [UnsafeMutableRawBufferPointer] = unsafe []
        for _ in 0..<count {
            let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
            unsafe block.initializeMemory(as: UInt8.self, repeating: 1)
            unsafe blocks.append(block)
        }
        let last = unsafe blocks.removeLast()
        defer { unsafe last.deallocate() }
        for unsafe block in unsafe blocks { unsafe block.deallocate() }
        let held = try residentBytes()
        CurrentProcess.releaseMemory()
        #expect(try residentBytes() < held - count * size / 2)
    }
}
