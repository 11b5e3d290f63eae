import Testing

@testable import HTTP

@Suite("HTTP/2 frame scanner")
struct HTTP2FrameScannerTests {
    @Test("heads are found wherever the bytes are cut")
    func cuts() {
        let heads: [HTTP2FrameScanner.Head] = [
            .init(length: 0, type: 4, flags: 0, stream: 0), .init(length: 5, type: 0, flags: 9, stream: 1),
            .init(length: 0x01_02_03, type: 1, flags: 5, stream: 0x7FFF_FFFF), .init(length: 1, type: 8, flags: 0, stream: 3),
        ]
        var bytes = [UInt8](repeating: 0x50, count: 24)
        for head in heads {
            bytes += [UInt8(head.length >> 16), UInt8(head.length >> 8 & 0xFF), UInt8(head.length & 0xFF), head.type, head.flags]
            // The reserved bit says nothing.
            let id = UInt32(bitPattern: head.stream) | 0x8000_0000
            bytes += [24, 16, 8, 0].map { UInt8(id >> $0 & 0xFF) }
            bytes += [UInt8](repeating: 0xFF, count: head.length)
        }
        for size in [1, 2, 7, 9, 10, 1000, bytes.count] {
            var scanner = HTTP2FrameScanner()
            var found: [HTTP2FrameScanner.Head] = []
            var start = 0
            while start < bytes.count {
                let piece = Array(bytes[start..<min(start + size, bytes.count)])
                var index = 0
                while let head = scanner.next(in: piece.span, from: &index) { found.append(head) }
                #expect(index == piece.count)
                start += size
            }
            #expect(found == heads)
        }
    }
}
