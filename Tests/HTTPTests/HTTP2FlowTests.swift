import HTTP
import Testing

@Suite("HTTP/2 connection: flow control")
struct HTTP2FlowTests {
    @Test("a stream's window opens as its body is taken and not before")
    func streamWindow() throws {
        let link = try Link()
        let sent = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let id = try link.client.request("POST", body: sent)
        let stream = try link.next()
        var (received, rounds): ([UInt8], Int) = ([], 0)
        while !stream.hasEndedBody, rounds < 50 {
            rounds += 1
            link.run()
            let before = received.count
            stream.takeBody(into: &received)
            #expect(received.count - before <= HTTP2Limits().streamWindowBytes)
            #expect(received.count > before)
            link.run()
        }
        stream.takeBody(into: &received)
        #expect(received == sent)
        #expect(rounds >= 4)
        stream.respond(response(200), date: date)
        link.run()
        #expect(link.answer(id).status == [200])
    }

    @Test("the connection's window bounds all its bodies together")
    func connectionWindow() throws {
        let link = try Link { $0.connectionWindowBytes = 100_000 }
        for _ in 0..<4 { try link.client.request("POST", body: [UInt8](repeating: 1, count: 60_000)) }
        link.run()
        let streams = link.server.takeRequests()
        #expect(streams.count == 4)
        var total = 0
        for stream in streams {
            var body: [UInt8] = []
            stream.takeBody(into: &body)
            total += body.count
        }
        #expect(total == 100_000)
        for _ in 0..<10 where !streams.allSatisfy(\.hasEndedBody) {
            link.run()
            for stream in streams {
                var body: [UInt8] = []
                stream.takeBody(into: &body)
                total += body.count
            }
        }
        #expect(total == 240_000)
    }

    @Test("streams that are reset with unread bodies give back the connection's window")
    func windowAfterResets() throws {
        let link = try Link { $0.connectionWindowBytes = 100_000 }
        for _ in 0..<5 {
            let id = try link.client.request("POST", body: [UInt8](repeating: 1, count: 60_000))
            let stream = try link.next()
            link.client.reset(id)
            link.run()
            #expect(stream.isReset)
        }
        try link.client.request("POST", body: [UInt8](repeating: 2, count: 60_000))
        let last = try link.next()
        link.run()
        var body: [UInt8] = []
        last.takeBody(into: &body)
        #expect(body.count == 60_000)
    }

    @Test("a streamed answer goes out as it comes, whole and byte by byte", arguments: [false, true])
    func streaming(bytewise: Bool) throws {
        let link = try Link(bytewise: bytewise)
        let id = try link.client.request()
        let stream = try link.next()
        stream.respondStreaming(response(200), date: date)
        link.run()
        #expect(link.answer(id).status == [200])
        #expect(link.answer(id).fields["content-length"] == nil)
        var expected = ""
        for piece in ["data: a\n\n", "data: b\n\n", "data: c\n\n"] {
            // Between two pieces there is nothing to send and the stream rests.
            stream.write(Array(piece.utf8))
            link.run()
            expected += piece
            #expect(text(link.answer(id).body) == expected)
            #expect(link.answer(id).code == nil)
        }
        stream.finish()
        link.run()
        #expect(link.answer(id).code == 0)
        #expect(stream.isClosed)
    }

    @Test("a client that takes nothing holds the answer back, and its writer is told when to go on")
    func backPressure() throws {
        let link = try Link(isPatient: true)
        let id = try link.client.request()
        let stream = try link.next()
        stream.respondStreaming(response(200), date: date)
        let sent = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        var changes = 0
        stream.onChange = { changes += 1 }
        stream.write(sent)
        link.run()
        #expect(link.answer(id).body.count == 65_535)
        #expect(stream.pendingBytes == 200_000 - 65_535)
        #expect(changes == 0)
        var consumed = 0
        while stream.pendingBytes > HTTP2Stream.lowWaterBytes {
            let fresh = link.answer(id).body.count - consumed
            try #require(fresh > 0)
            #expect(changes == 0)
            link.client.consume(fresh, on: id)
            consumed += fresh
            link.run()
        }
        #expect(changes == 1)
        stream.finish()
        for _ in 0..<10 {
            link.client.consume(link.answer(id).body.count - consumed, on: id)
            consumed = link.answer(id).body.count
            link.run()
        }
        #expect(link.answer(id).body == sent)
        #expect(link.answer(id).code == 0)
    }

    @Test("after an early answer the rest of the body is thrown away, so that the client can read it")
    func earlyAnswer() throws {
        let link = try Link()
        let id = try link.client.request("POST", body: [UInt8](repeating: 1, count: 3 << 20))
        let stream = try link.next()
        stream.respond(response(413, "too large"), date: date)
        link.run()
        #expect(link.answer(id).status == [413])
        #expect(text(link.answer(id).body) == "too large")
        #expect(link.answer(id).code == 0)
        #expect(stream.isClosed && !stream.isReset)
        #expect(link.server.openStreams == 0)
    }

    @Test("a body that never ends is cut off after an early answer, which stays whole")
    func endlessBody() throws {
        let link = try Link { $0.discardedBodyBytes = 200_000 }
        let id = try link.client.request("POST", body: [UInt8](repeating: 1, count: 1 << 20), isOpen: true)
        try link.next().respond(response(413, "too large"), date: date)
        link.run()
        #expect(text(link.answer(id).body) == "too large")
        #expect(link.answer(id).code == 0)
        #expect(link.server.openStreams == 0)
        let next = try link.client.request()
        try link.next().respond(response(200), date: date)
        link.run()
        #expect(link.answer(next).status == [200])
    }
}
