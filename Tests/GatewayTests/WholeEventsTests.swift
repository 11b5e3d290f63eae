import Testing

@testable import Gateway

/// Pages of Open WebUI take what the network gives them at once for whole lines: a torn event is lost to them.
@Suite("Streams reach their readers in whole events", .timeLimit(.minutes(2)))
struct WholeEventsTests {
    /// How many events a reader gets; a slow one is slow because its kernel takes a few kilobytes at a time.
    private static func events(_ bufferBytes: Int32?) -> Int { bufferBytes == nil ? 3000 : 300 }

    /// What one TLS record of a stream over HTTP/1.1 holds; nothing of it may begin or end in another one.
    private static func chunks(of record: [UInt8], hasHead: Bool) throws -> [[UInt8]] {
        var rest = record[...]
        if hasHead {
            let head = try #require(record.firstRange(of: Array("\r\n\r\n".utf8)))
            rest = record[head.upperBound...]
        }
        var chunks: [[UInt8]] = []
        while !rest.isEmpty {
            let line = try #require(rest.firstRange(of: Array("\r\n".utf8)))
            let size = try #require(Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16))
            rest = rest[line.upperBound...]
            try #require(rest.count >= size + 2, "a record ends in the middle of a chunk")
            chunks.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size + 2)
        }
        return chunks
    }

    private static func isWhole(_ events: [UInt8]) -> Bool { events.isEmpty || events.suffix(2) == [10, 10] }

    private static func count(_ body: [UInt8]) -> Int { String(decoding: body, as: UTF8.self).split(separator: "\n\n").count }

    @Test(
        "each record of HTTP/1.1 holds whole events, for quick and slow readers",
        arguments: [nil, 4096] as [Int32?], [true, false])
    func http1(bufferBytes: Int32?, isChat: Bool) async throws {
        let events = Self.events(bufferBytes)
        let request =
            isChat ? RawClient.chat("standin:events \(events)", streams: true) : RawClient.message("standin:events \(events)")
        let client = try TLSClient(try await .encrypted(), offering: "http/1.1", bufferBytes: bufferBytes)
        client.send(Array(request.utf8))
        var (body, records, isOver): ([UInt8], [Int], Bool) = ([], [], false)
        while !isOver {
            let record = try client.record()
            for chunk in try Self.chunks(of: record, hasHead: records.isEmpty) {
                #expect(Self.isWhole(chunk))
                isOver = chunk.isEmpty
                body += chunk
            }
            records.append(record.count)
        }
        #expect(Self.count(body) >= events)
        // Under load several events share a record, else nothing would have been tried.
        #expect(records.count < events && records.contains { $0 > 8_000 })
    }

    @Test("each record of HTTP/2 holds whole frames, and each frame whole events", arguments: [nil, 4096] as [Int32?])
    func http2(bufferBytes: Int32?) async throws {
        let events = Self.events(bufferBytes)
        let client = try TLSClient(try await .encrypted(), offering: "h2", bufferBytes: bufferBytes)
        client.send(
            Frames.generousOpening + Frames.chat("standin:events \(events)", on: 1)
                + Frames.chat("standin:events \(events)", on: 3))
        var (bodies, ended, largest): ([UInt8: [UInt8]], Set<UInt8>, Int) = ([:], [], 0)
        while ended.count < 2 {
            var rest = try client.record()[...]
            while !rest.isEmpty {
                let head = Array(rest.prefix(9))
                try #require(head.count == 9)
                let size = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
                try #require(rest.count >= 9 + size, "a record ends in the middle of a frame")
                let payload = Array(rest.dropFirst(9).prefix(size))
                rest = rest.dropFirst(9 + size)
                guard head[3] == 0 else { continue }
                #expect(Self.isWhole(payload))
                largest = max(largest, size)
                bodies[head[8], default: []] += payload
                if head[4] & 1 == 1 { ended.insert(head[8]) }
            }
        }
        for body in bodies.values { #expect(Self.count(body) >= events) }
        #expect(bodies.count == 2 && largest > 4_000)
    }

    @Test("an event that is longer than a record is a chunk of its own")
    func longEvent() async throws {
        let client = try RawClient(try await TestService())
        client.send(RawClient.chat("standin:echo " + String(repeating: "x", count: 40_000), streams: true))
        _ = try client.take(through: "\r\n\r\n")
        var sizes: [Int] = []
        while true {
            let size = try #require(Int(try client.take(through: "\r\n").dropLast(1), radix: 16))
            let chunk = try client.take(size)
            _ = try client.take(2)
            if size == 0 { break }
            #expect(Self.isWhole(chunk))
            sizes.append(size)
        }
        #expect(sizes.contains { $0 > 40_000 })
    }
}
