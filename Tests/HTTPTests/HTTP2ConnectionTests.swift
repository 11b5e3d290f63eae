import HTTP
import Testing

@Suite("HTTP/2 connection: requests and answers")
struct HTTP2ConnectionTests {
    @Test("a request without a body is answered, whole and byte by byte", arguments: [false, true])
    func get(bytewise: Bool) throws {
        let link = try Link(bytewise: bytewise)
        let id = try link.client.request("GET", "/a?b", [("x-api-key", "k")])
        let stream = try link.next()
        let request = try stream.head.get()
        #expect(text(request.path) == "/a")
        #expect(request.query.map(text) == "b")
        #expect(request.version == .http2)
        #expect(request.fields["x-api-key"].map(text) == "k")
        #expect(stream.hasEndedBody)
        #expect(link.server.openStreams == 1)
        stream.respond(response(200, "hello"), date: date)
        link.run()
        let answer = link.answer(id)
        #expect(answer.status == [200])
        #expect(text(answer.body) == "hello")
        #expect(answer.fields["content-length"] == "5")
        #expect(answer.fields["date"] == text(date))
        #expect(answer.code == 0)
        #expect(stream.isClosed && !stream.isReset)
        #expect(link.server.openStreams == 0)
        #expect(link.isSound)
    }

    @Test("a request's body arrives whole, whole and byte by byte", arguments: [false, true])
    func post(bytewise: Bool) throws {
        let link = try Link(bytewise: bytewise)
        let sent = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
        let id = try link.client.request("POST", body: Array(sent[..<2000]), isOpen: true)
        let stream = try link.next()
        #expect(!stream.hasEndedBody)
        var (received, changes): ([UInt8], Int) = ([], 0)
        stream.onChange = { changes += 1 }
        stream.takeBody(into: &received)
        #expect(received.count == 2000)
        link.client.send(Array(sent[2000...]), on: id, isLast: true)
        link.run()
        #expect(stream.hasEndedBody)
        #expect(changes > 0)
        stream.takeBody(into: &received)
        #expect(received == sent)
        stream.respond(response(204), date: date)
        link.run()
        #expect(link.answer(id).status == [204])
        #expect(link.answer(id).fields["content-length"] == nil)
    }

    @Test("the answer to HEAD tells its length and has no body")
    func head() throws {
        let link = try Link()
        let id = try link.client.request("HEAD")
        try link.next().respond(response(200, "twelve bytes"), date: date)
        link.run()
        #expect(link.answer(id).fields["content-length"] == "12")
        #expect(link.answer(id).body.isEmpty)
        #expect(link.answer(id).code == 0)
    }

    @Test("many requests at once come in order and may be answered in any")
    func many() throws {
        let link = try Link()
        let ids = try (0..<50).map { try link.client.request("GET", "/\($0)") }
        var seen: [String] = []
        while seen.count < ids.count {
            link.run()
            let streams = link.server.takeRequests()
            try #require(!streams.isEmpty)
            #expect(streams.count <= HTTP2Limits().concurrentStreams)
            for stream in streams { seen.append(text(try stream.head.get().path)) }
            for stream in streams.reversed() {
                stream.respond(response(200, text(try stream.head.get().path)), date: date)
            }
        }
        link.run()
        #expect(seen == (0..<50).map { "/\($0)" })
        for (number, id) in ids.enumerated() { #expect(text(link.answer(id).body) == "/\(number)") }
    }

    @Test("a client that waits for 100 Continue gets it, and then the answer")
    func continues() throws {
        let link = try Link()
        let id = try link.client.request("POST", "/", [("expect", "100-continue")], isOpen: true)
        let stream = try link.next()
        #expect(try stream.head.get().expectsContinue)
        stream.sendContinue()
        link.run()
        #expect(link.answer(id).status == [100])
        link.client.send(Array("body".utf8), on: id, isLast: true)
        link.run()
        var body: [UInt8] = []
        stream.takeBody(into: &body)
        #expect(text(body) == "body")
        stream.respond(response(200), date: date)
        link.run()
        #expect(link.answer(id).status == [100, 200])
    }

    @Test("a head beyond the limits is answered 431 and spoils nothing else", arguments: [false, true])
    func largeHead(bytewise: Bool) throws {
        let link = try Link(bytewise: bytewise)
        let id = try link.client.request("GET", "/", [("x-large", String(repeating: "a", count: 20_000))])
        let stream = try link.next()
        guard case .failure(let fault) = stream.head else {
            Issue.record("the head was taken")
            return
        }
        #expect(fault.status == 431)
        #expect(fault.scope == .stream)
        stream.respond(response(fault.status), date: date)
        let next = try link.client.request("GET", "/next")
        try link.next().respond(response(200), date: date)
        link.run()
        #expect(link.answer(id).status == [431])
        #expect(link.answer(next).status == [200])
    }

    @Test("a malformed request is a fault of its stream alone")
    func malformed() throws {
        let link = try Link()
        let id = try link.client.request("GET", "/", [("transfer-encoding", "chunked")])
        link.run()
        for stream in link.server.takeRequests() { stream.respond(response(400), date: date) }
        let next = try link.client.request()
        try link.next().respond(response(200), date: date)
        link.run()
        // Refused by nghttp2 itself with a reset, or by us with an answer.
        #expect(link.answer(id).status == [400] || link.answer(id).code != 0)
        #expect(link.answer(next).status == [200])
    }
}
