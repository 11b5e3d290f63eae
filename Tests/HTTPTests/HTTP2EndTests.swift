import HTTP
import Testing

@Suite("HTTP/2 connection: ends")
struct HTTP2EndTests {
    @Test("a stream that the client resets is gone, and what is done to it has no effect")
    func clientReset() throws {
        let link = try Link()
        let id = try link.client.request("POST", isOpen: true)
        let stream = try link.next()
        var changes = 0
        stream.onChange = { changes += 1 }
        stream.respondStreaming(response(200), date: date)
        link.client.reset(id)
        link.run()
        #expect(stream.isClosed && stream.isReset)
        #expect(changes == 1)
        #expect(link.server.openStreams == 0)
        stream.write(Array("late".utf8))
        stream.finish()
        stream.reset()
        stream.respond(response(200), date: date)
        stream.sendContinue()
        link.run()
        #expect(stream.pendingBytes == 0 || stream.isClosed)
        #expect(link.isSound)
    }

    @Test("an answer that cannot be finished is cut off so that the client sees it")
    func serverReset() throws {
        let link = try Link()
        let id = try link.client.request()
        let stream = try link.next()
        stream.respondStreaming(response(200), date: date)
        stream.write(Array("half".utf8))
        link.run()
        stream.reset()
        link.run()
        #expect(text(link.answer(id).body) == "half")
        #expect(link.answer(id).code == 2)
    }

    @Test("a hundred resets in ten seconds are borne, one more ends the connection")
    func resets() throws {
        let link = try Link()
        func openAndReset() throws {
            let id = try link.client.request()
            link.run()
            link.client.reset(id)
            link.run()
            _ = link.server.takeRequests()
        }
        for _ in 0..<100 { try openAndReset() }
        #expect(link.client.goAways.isEmpty)
        link.milliseconds = 10_000
        for _ in 0..<100 { try openAndReset() }
        #expect(link.client.goAways.isEmpty)
        try openAndReset()
        #expect(link.client.goAways.map(\.code) == [11])
        #expect(link.server.isDone)
    }

    @Test("pings without any work end the connection, pings beside work do not")
    func pings() throws {
        let busy = try Link()
        for _ in 0..<6 {
            for _ in 0..<150 {
                busy.client.ping()
                busy.run()
            }
            try busy.client.request()
            try busy.next().respond(response(200), date: date)
            busy.run()
        }
        #expect(busy.client.pongs == 900)
        #expect(busy.client.goAways.isEmpty)
        let idle = try Link()
        var pings = 0
        while idle.client.goAways.isEmpty, pings < 1000 {
            pings += 1
            idle.client.ping()
            idle.run()
        }
        // The frames that open a connection count as well.
        #expect((190...201).contains(pings))
        #expect(idle.client.goAways.map(\.code) == [11])
    }

    @Test("streams that count backwards end the connection")
    func backwards() throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(5)))
        #expect(link.server.takeRequests().map(\.id) == [5])
        _ = link.send(RawLink.request(3))
        #expect(link.goAwayCode == 1)
        #expect(link.server.takeRequests().isEmpty)
    }

    @Test("frames for a stream that was answered early are not taken for an attack")
    func lateFrames() throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(1, isOpen: true)))
        let stream = try #require(link.server.takeRequests().first)
        stream.respond(response(413), date: date)
        #expect(link.send(RawLink.frame(0, 0x0, 1, [1, 2, 3])))
        stream.reset()
        #expect(link.send(RawLink.frame(0, 0x1, 1, [1, 2, 3])))
        #expect(link.goAwayCode == nil)
        #expect(link.send(RawLink.request(3)))
        #expect(link.server.takeRequests().map(\.id) == [3])
    }

    @Test("what is no HTTP/2 at all ends the connection", arguments: ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"])
    func badPreface(text: String) throws {
        let server = try #require(HTTP2Connection())
        let isSound = server.receive(latin(text).span, at: 0)
        #expect(!isSound)
        #expect(server.takeRequests().isEmpty)
    }

    @Test("after GOAWAY what is open goes on to its end, and then the connection is done")
    func goAway() throws {
        let link = try Link()
        let id = try link.client.request()
        let stream = try link.next()
        stream.respondStreaming(response(200), date: date)
        link.server.goAway()
        link.run()
        #expect(link.client.goAways.map(\.last) == [id])
        #expect(link.client.goAways.map(\.code) == [0])
        #expect(!link.server.isDone)
        stream.write(Array("rest".utf8))
        stream.finish()
        link.run()
        #expect(text(link.answer(id).body) == "rest")
        #expect(link.answer(id).code == 0)
        #expect(link.server.isDone)
    }

    @Test("when the connection is lost every open stream learns of it")
    func lost() throws {
        let link = try Link()
        for _ in 0..<3 { try link.client.request("POST", isOpen: true) }
        link.run()
        let streams = link.server.takeRequests()
        var changes = 0
        for stream in streams { stream.onChange = { changes += 1 } }
        link.server.close()
        #expect(changes == 3)
        #expect(streams.allSatisfy { $0.isClosed && $0.isReset })
        #expect(link.server.openStreams == 0)
        link.server.close()
        #expect(changes == 3)
    }

    @Test("a stream may outlive its connection")
    func orphan() throws {
        var link: Link? = try Link()
        try link?.client.request()
        let stream = try #require(try link?.next())
        link?.server.close()
        link = nil
        stream.respond(response(200), date: date)
        stream.write(Array("late".utf8))
        stream.reset()
        #expect(stream.isClosed)
    }
}
