import HTTP
import Testing

/// RFC 9113 §5.1: what frames on streams that are idle, half closed or closed are answered with.
@Suite("HTTP/2 connection: closed streams")
struct HTTP2ClosedStreamTests {
    static let bytewise = [false, true]
    /// A body of four bytes that ends its stream, and HEADERS that do.
    static let frames = [RawLink.frame(0, 0x1, 1, [1, 2, 3, 4]), RawLink.request(1)]

    @Test("a frame on a stream whose client has ended it ends the connection", arguments: frames, bytewise)
    func halfClosed(frame: [UInt8], bytewise: Bool) throws {
        let link = try RawLink(bytewise: bytewise)
        _ = link.send(RawLink.request(1))
        #expect(link.goAwayCode == nil)
        _ = link.send(frame)
        #expect(link.goAwayCode == 5)
        #expect(link.server.isDone)
    }

    @Test("so does one in the same bytes as the request", arguments: frames)
    func halfClosedAtOnce(frame: [UInt8]) throws {
        let link = try RawLink()
        _ = link.send(RawLink.request(1) + frame)
        #expect(link.goAwayCode == 5)
    }

    @Test("so does one on a stream that both sides have ended", arguments: frames, bytewise)
    func closed(frame: [UInt8], bytewise: Bool) throws {
        let link = try RawLink(bytewise: bytewise)
        _ = link.send(RawLink.request(1))
        try answer(link)
        #expect(link.server.openStreams == 0)
        _ = link.send(frame)
        #expect(link.goAwayCode == 5)
        #expect(link.server.isDone)
    }

    @Test("a frame after the client's reset is a fault of the stream alone", arguments: frames, bytewise)
    func clientReset(frame: [UInt8], bytewise: Bool) throws {
        let link = try RawLink(bytewise: bytewise)
        #expect(link.send(RawLink.request(1, isOpen: true) + RawLink.frame(3, 0, 1, [0, 0, 0, 8])))
        #expect(link.send(frame))
        #expect(link.resets == [RawLink.Reset(stream: 1, code: 5)])
        #expect(link.goAwayCode == nil)
        // The header table and the connection's window are as both sides think.
        _ = link.server.takeRequests()
        #expect(link.send(RawLink.request(3)))
        #expect(link.server.takeRequests().map(\.id) == [3])
    }

    @Test("frames after the client's reset are counted with the resets")
    func clientResetFlood() throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(1, isOpen: true) + RawLink.frame(3, 0, 1, [0, 0, 0, 8])))
        for _ in 0..<110 { _ = link.send(RawLink.frame(0, 0, 1, [1])) }
        #expect(link.goAwayCode == 11)
        #expect(link.resets.count <= 101)
    }

    @Test("what a client sent before it heard of a reset is thrown away and opens the connection's window", arguments: bytewise)
    func serverReset(bytewise: Bool) throws {
        let link = try RawLink(bytewise: bytewise)
        #expect(link.send(RawLink.request(1, isOpen: true)))
        try #require(link.server.takeRequests().first).reset()
        link.readOutput()
        #expect(link.resets == [RawLink.Reset(stream: 1, code: 2)])
        let before = link.openedBytes
        // Two windows of the connection would end the client without updates; one stream has 64 KiB.
        for _ in 0..<60 { #expect(link.send(RawLink.frame(0, 0, 1, [UInt8](repeating: 1, count: 1024)))) }
        #expect(link.send(RawLink.frame(0, 0x1, 1, [UInt8](repeating: 1, count: 1024))))
        #expect(link.goAwayCode == nil)
        #expect(link.resets.count == 1)
        #expect(link.openedBytes == before)  // half of a window of 1 MiB is not used up yet
        // After its end there is nothing left that can have been under way.
        _ = link.send(RawLink.frame(0, 0, 1, [1]))
        #expect(link.goAwayCode == 5)
    }

    @Test("bodies that are thrown away count for the connection's window")
    func windowOfTheDiscarded() throws {
        var limits = HTTP2Limits()
        limits.connectionWindowBytes = 65_535
        let link = try RawLink(limits)
        for stream in stride(from: UInt8(1), through: 7, by: 2) {
            #expect(link.send(RawLink.request(stream, isOpen: true)))
            try #require(link.server.takeRequests().first).reset()
            link.readOutput()
            for _ in 0..<30 { #expect(link.send(RawLink.frame(0, 0, stream, [UInt8](repeating: 1, count: 1024)))) }
        }
        #expect(link.goAwayCode == nil)
        #expect(link.openedBytes > 4 * 30 * 1024 - 65_535)
    }

    @Test("more than a stream's window after a reset ends the connection")
    func endlessAfterReset() throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(1, isOpen: true)))
        try #require(link.server.takeRequests().first).reset()
        link.readOutput()
        var sent = 0
        while link.goAwayCode == nil, sent < 200 {
            sent += 1
            _ = link.send(RawLink.frame(0, 0, 1, [UInt8](repeating: 1, count: 1024)))
        }
        #expect(link.goAwayCode == 5)
        #expect(sent == 65)
    }

    @Test("trailers that were under way are thrown away, the header table learns of them, and more is an error")
    func trailersAfterReset() throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(1, isOpen: true)))
        try #require(link.server.takeRequests().first).reset()
        link.readOutput()
        // A literal that enters the table (RFC 7541 §6.2.1), which the next request refers to as entry 62.
        #expect(link.send(RawLink.frame(1, 0x5, 1, [0x40, 0x01, 0x78, 0x01, 0x79])))
        #expect(link.goAwayCode == nil)
        #expect(link.send(RawLink.frame(1, 0x5, 3, [0x82, 0x87, 0x84, 0x01, 0x01, 0x61, 0xBE])))
        let request = try #require(link.server.takeRequests().first).head.get()
        #expect(request.fields.contains { text(Array($0.name)) == "x" && text(Array($0.value)) == "y" })
        _ = link.send(RawLink.request(1))
        #expect(link.goAwayCode == 5)
    }

    @Test("trailers without an end are an error of the protocol, also after a reset")
    func endlessTrailers() throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(1, isOpen: true)))
        _ = link.send(RawLink.frame(1, 0x4, 1, [0x00, 0x01, 0x78, 0x01, 0x79]))
        #expect(link.resets == [RawLink.Reset(stream: 1, code: 1)])
        _ = link.send(RawLink.frame(1, 0x4, 1, [0x00, 0x01, 0x78, 0x01, 0x79]))
        #expect(link.goAwayCode == 1)
    }

    @Test("DATA on the connection itself is an error of the protocol")
    func dataOnConnection() throws {
        let link = try RawLink()
        _ = link.send(RawLink.frame(0, 0, 0, [1]))
        #expect(link.goAwayCode == 1)
    }

    @Test("the body of a request whose head was refused is thrown away")
    func bodyAfterRefusal() throws {
        let link = try RawLink()
        // An upper-case field name; the body comes in the same bytes, before a reset can have been sent.
        let head = RawLink.frame(1, 0x4, 1, [0x83, 0x87, 0x84, 0x01, 0x01, 0x61, 0x00, 0x01, 0x58, 0x01, 0x79])
        #expect(link.send(head + RawLink.frame(0, 0, 1, [1, 2]) + RawLink.frame(0, 0x1, 1, [3])))
        #expect(link.goAwayCode == nil)
        #expect(link.resets == [RawLink.Reset(stream: 1, code: 1)])
    }

    @Test("the body of a request that was one too many is thrown away")
    func bodyAfterTooMany() throws {
        var limits = HTTP2Limits()
        limits.concurrentStreams = 1
        let link = try RawLink(limits)
        #expect(link.send(RawLink.request(1, isOpen: true)))
        #expect(link.send(RawLink.request(3, isOpen: true) + RawLink.frame(0, 0x1, 3, [1, 2, 3])))
        #expect(link.goAwayCode == nil)
        #expect(link.resets == [RawLink.Reset(stream: 3, code: 7)])
    }

    @Test("a request that came after GOAWAY is passed over with its body")
    func afterGoAway() throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(1)))
        link.server.goAway()
        link.readOutput()
        #expect(link.goAwayCode == 0)
        #expect(link.send(RawLink.request(3, isOpen: true) + RawLink.frame(0, 0x1, 3, [1])))
        #expect(link.goAwayCode == 0)
        #expect(!link.server.isDone)
    }

    @Test("frames that a closed stream may still get are passed over")
    func lateAllowedFrames() throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(1)))
        try answer(link)
        #expect(link.send(RawLink.frame(8, 0, 1, [0, 0, 0, 100])))
        #expect(link.send(RawLink.frame(2, 0, 1, [0, 0, 0, 0, 16])))
        #expect(link.send(RawLink.frame(3, 0, 1, [0, 0, 0, 8])))
        #expect(link.goAwayCode == nil)
        #expect(link.resets.isEmpty)
    }

    @Test("a frame on an idle stream is an error of the protocol", arguments: [
        RawLink.frame(0, 0x1, 3, [1]), RawLink.frame(3, 0, 3, [0, 0, 0, 8]), RawLink.frame(8, 0, 3, [0, 0, 0, 1]),
        RawLink.frame(9, 0x4, 3, [0x82]),
    ])
    func idle(frame: [UInt8]) throws {
        let link = try RawLink()
        #expect(link.send(RawLink.request(1)))
        _ = link.send(frame)
        #expect(link.goAwayCode == 1)
    }

    @Test("what is remembered of closed streams is bounded, and a forgotten one counts as ended")
    func forgetting() throws {
        var limits = HTTP2Limits()
        limits.resetsPerTenSeconds = 1000
        let link = try RawLink(limits)
        var stream: UInt8 = 1
        for _ in 0..<127 {
            _ = link.send(RawLink.request(stream, isOpen: true) + RawLink.frame(3, 0, stream, [0, 0, 0, 8]))
            stream &+= 2
        }
        #expect(link.goAwayCode == nil)
        _ = link.send(RawLink.frame(0, 0x1, 1, [1]))
        #expect(link.resets == [RawLink.Reset(stream: 1, code: 5)])
    }

    private func answer(_ link: RawLink) throws {
        try #require(link.server.takeRequests().first).respond(response(200), date: date)
        link.readOutput()
    }
}
