import HTTP
import Testing

@Suite("HTTP/1.1 responses")
struct HTTP1EncoderTests {
    private let date = HTTPDate.imfFixdate(unixSeconds: 784_111_777)
    private let dateLine = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

    private func conditions(
        _ method: String = "GET", _ version: String = "1.1", connection: String = "", keepAlive: Bool = true
    ) throws -> HTTP1Encoder.Conditions {
        let head = "\(method) / HTTP/\(version)\r\nHost: a\r\n\(connection)\r\n"
        var decoder = HTTP1Decoder()
        let (request, _) = try #require(try decoder.decode(Array(head.utf8).span))
        return HTTP1Encoder.Conditions(answering: request, keepAlive: keepAlive)
    }

    private func encoded(_ response: Response, _ conditions: HTTP1Encoder.Conditions) -> String {
        var output: [UInt8] = []
        HTTP1Encoder.append(response, under: conditions, date: date, to: &output)
        return text(output)
    }

    private var small: Response {
        var fields = ResponseFields()
        fields.append(.contentType, "application/json")
        fields.append(.retryAfter, 120)
        return Response(status: 200, fields: fields, body: Array("{}".utf8))
    }

    @Test("a refused upgrade names the protocol that is spoken, and the connection goes on unless it is to end")
    func upgradeRequired() throws {
        let refusal = Response(status: 426, body: Array("{}".utf8))
        let head = "HTTP/1.1 426 Upgrade Required\r\n\(dateLine)content-length: 2\r\nupgrade: HTTP/1.1\r\n"
        #expect(encoded(refusal, try conditions()) == head + "connection: upgrade\r\n\r\n{}")
        #expect(encoded(refusal, try conditions(keepAlive: false)) == head + "connection: close, upgrade\r\n\r\n{}")
    }

    @Test("a whole response carries its length and the date")
    func whole() throws {
        let fields = "content-type: application/json\r\nretry-after: 120\r\ncontent-length: 2\r\n"
        let head = "HTTP/1.1 200 OK\r\n\(dateLine)\(fields)"
        #expect(encoded(small, try conditions()) == head + "\r\n{}")
        #expect(encoded(small, try conditions("HEAD")) == head + "\r\n")
        #expect(encoded(small, try conditions(keepAlive: false)) == head + "connection: close\r\n\r\n{}")
        #expect(encoded(small, .unreadable) == head + "connection: close\r\n\r\n{}")
        let closed = try conditions(connection: "Connection: close\r\n")
        #expect(encoded(small, closed) == head + "connection: close\r\n\r\n{}")
        #expect(encoded(small, try conditions("GET", "1.0")) == head + "connection: close\r\n\r\n{}")
        let kept = try conditions("GET", "1.0", connection: "Connection: keep-alive\r\n")
        #expect(encoded(small, kept) == head + "connection: keep-alive\r\n\r\n{}")
    }

    @Test("what is in the output already stays")
    func appending() throws {
        var output = Array("before".utf8)
        HTTP1Encoder.appendContinue(to: &output)
        #expect(text(output) == "beforeHTTP/1.1 100 Continue\r\n\r\n")
    }

    @Test("statuses without a body have neither body nor length")
    func bodyless() throws {
        for (status, line) in [(204, "204 No Content"), (304, "304 Not Modified")] {
            let response = Response(status: status, body: Array("x".utf8))
            #expect(encoded(response, try conditions()) == "HTTP/1.1 \(line)\r\n\(dateLine)\r\n")
            var output: [UInt8] = []
            let form = HTTP1Encoder.appendStreamHead(
                response, under: try conditions(), date: date, to: &output)
            #expect(form == .none)
            #expect(text(output) == "HTTP/1.1 \(line)\r\n\(dateLine)\r\n")
        }
    }

    @Test("an empty body has length zero")
    func empty() throws {
        #expect(encoded(Response(status: 404), try conditions()).hasSuffix("content-length: 0\r\n\r\n"))
    }

    @Test("every final status has a status line")
    func statusLines() throws {
        for status in 200...599 {
            let line = encoded(Response(status: status), try conditions()).prefix { $0 != "\r\n" }
            #expect(line.hasPrefix("HTTP/1.1 \(status) "), "\(status)")
        }
        #expect(encoded(Response(status: 418), .unreadable).hasPrefix("HTTP/1.1 418 \r\n"))
    }

    @Test("a status that ends no exchange becomes 500")
    func unfitStatus() {
        for status in [-1, 0, 100, 101, 199, 600, 1000] { #expect(Response(status: status).status == 500) }
    }

    @Test("a value cannot end its line")
    func splitting() throws {
        var fields = ResponseFields()
        fields.append("x", "a\r\nSet-Cookie: b\0c\u{7F}\td")
        fields.append("y", bytes: [0xFF, 0x0A].span)
        let text = encoded(Response(status: 200, fields: fields), try conditions())
        #expect(text.contains("x: a??Set-Cookie: b?c?\td\r\ny: \u{FF}?\r\n"))
    }

    @Test("fields that frame the message are the encoder's alone")
    func framingFields() {
        var fields = ResponseFields()
        for name: FieldName in [
            .contentLength, .transferEncoding, .connection, .keepAlive, .date, .upgrade, .trailer,
        ] { fields.append(name, "1") }
        #expect(fields.count == 0)
        fields.append(.allow, "GET")
        #expect(fields[.allow].map(Array.init) == Array("GET".utf8))
        #expect(fields[.vary] == nil)
        #expect(fields.map { text($0.name) + "=" + text($0.value) } == ["allow=GET"])
    }

    @Test("a stream goes out in chunks and its decoder finds it again")
    func chunks() throws {
        var output: [UInt8] = []
        let form = HTTP1Encoder.appendStreamHead(small, under: try conditions(), date: date, to: &output)
        #expect(form == .chunked)
        #expect(text(output).hasSuffix("retry-after: 120\r\ntransfer-encoding: chunked\r\n\r\n"))
        output.removeAll()
        let pieces = ["a", "", String(repeating: "b", count: 15), String(repeating: "c", count: 4096)]
        for piece in pieces { HTTP1Encoder.appendPiece(piece.utf8Span.span, as: form, to: &output) }
        #expect(text(output).hasPrefix("00000001\r\na\r\n0000000f\r\n"))
        HTTP1Encoder.appendEnd(as: form, to: &output)
        var decoder = ChunkedDecoder()
        var position = 0
        var data: [UInt8] = []
        while case .data(let range) = try decoder.next(in: output.span, at: &position) {
            data += output[range]
        }
        #expect(text(data) == pieces.joined())
        #expect(position == output.count)
        #expect(try decoder.next(in: output.span, at: &position) == .finished)
    }

    @Test("HTTP/1.0 gets a stream that ends with the connection")
    func oldStream() throws {
        let kept = try conditions("GET", "1.0", connection: "Connection: keep-alive\r\n")
        var output: [UInt8] = []
        let form = HTTP1Encoder.appendStreamHead(Response(status: 200), under: kept, date: date, to: &output)
        #expect(form == .untilClose)
        #expect(text(output) == "HTTP/1.1 200 OK\r\n\(dateLine)connection: close\r\n\r\n")
        output.removeAll()
        HTTP1Encoder.appendPiece("data".utf8Span.span, as: form, to: &output)
        HTTP1Encoder.appendEnd(as: form, to: &output)
        #expect(text(output) == "data")
    }

    @Test("HEAD gets the head of a stream and nothing else")
    func headOfStream() throws {
        var output: [UInt8] = []
        let form = HTTP1Encoder.appendStreamHead(
            Response(status: 200), under: try conditions("HEAD"), date: date, to: &output)
        #expect(form == .none)
        #expect(text(output) == "HTTP/1.1 200 OK\r\n\(dateLine)transfer-encoding: chunked\r\n\r\n")
        output.removeAll()
        HTTP1Encoder.appendPiece("data".utf8Span.span, as: form, to: &output)
        HTTP1Encoder.appendEnd(as: form, to: &output)
        #expect(output.isEmpty)
    }
}
