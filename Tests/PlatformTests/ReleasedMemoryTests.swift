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

    @Test("what is free at the end of a thread's own heap is given back by that thread, however much is kept under load")
    func endOfThreadsHeap() async throws {
        CurrentProcess.keepHeap()
        let pages = try await withCheckedThrowingContinuation { continuation in
            do throws(SystemError) {
                // Its heap is its own: the tests' own threads and the first one have others.
                try DetachedThread.start { continuation.resume(returning: Self.pagesOfFreedBlocks()) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
        #expect(pages.held > 4000 && pages.left < 1000)
    }

    /// How many pages of 20 MiB of freed blocks are in memory, before and after the heap was released.
    private static func pagesOfFreedBlocks() -> (held: Int, left: Int) {
        var blocks: [UnsafeMutableRawBufferPointer] = unsafe []
        for _ in 0..<320 {
            let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
            unsafe block.initializeMemory(as: UInt8.self, repeating: 1)
            unsafe blocks.append(block)
        }
        for unsafe block in unsafe blocks { unsafe block.deallocate() }
        let held = unsafe blocks.reduce(0) { unsafe $0 + pagesInMemory(of: $1) }
        CurrentProcess.releaseMemory()
        return unsafe (held, blocks.reduce(0) { unsafe $0 + pagesInMemory(of: $1) })
    }

    /// Heaps stay mapped; what is asked is only whether there is memory behind the addresses.
    private static func pagesInMemory(of block: UnsafeMutableRawBufferPointer) -> Int {
        guard let address = block.baseAddress else { return 0 }
        let page = sysconf(Int32(_SC_PAGESIZE))
        let intoPage = Int(bitPattern: address) & (page - 1)
        var pages = [UInt8](repeating: 0, count: block.count / page)
        guard unsafe mincore(address - intoPage, block.count, &pages) == 0 else { return 0 }
        return pages.count { $0 & 1 == 1 }
    }
}
