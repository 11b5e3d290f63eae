import HTTP
import Testing

@Suite("Fields, names and methods")
struct FieldsTests {
    @Test("a name is a token and is kept in lower case")
    func names() {
        let others = "!#$%&'*+-.^_`|~0123456789"
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        for code in UInt8.min...127 {
            let text = String(Unicode.Scalar(code))
            let expected = (others + letters).contains(text) ? text.lowercased() : nil
            #expect(FieldName(parsing: text)?.description == expected, "\(code)")
        }
        #expect(FieldName(parsing: "") == nil)
        #expect(FieldName(parsing: "é") == nil)
        #expect(FieldName(parsing: "X-API-Key") == .xAPIKey)
        #expect(FieldName(parsing: "Content-Length") == "content-length")
    }

    @Test("every byte is judged alike at every place of a name and of a value")
    func bytesAtEveryPlace() {
        for code in UInt8.min...255 where code != 0x0D {
            let isToken = FieldName(parsing: String(Unicode.Scalar(code))) != nil && code < 0x80
            let isText = code >= 0x20 && code != 0x7F || code == 0x09
            for place in 0..<18 where code != 0x3A {
                var name = Array("abcdefgh-jklmnopqr".utf8)
                name[place] = code
                #expect(isTaken(name, Array("v".utf8)) == isToken, "byte \(code) at \(place) of a name")
                #expect(isTaken(Array("n".utf8), name) == isText, "byte \(code) at \(place) of a value")
            }
        }
    }

    private func isTaken(_ name: [UInt8], _ value: [UInt8]) -> Bool {
        var bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8)
        bytes += name + [0x3A] + value + Array("\r\n\r\n".utf8)
        var decoder = HTTP1Decoder()
        return head(step(&decoder, bytes)) != nil
    }

    @Test("names of every length are put into lower case and nothing else is")
    func lowerCase() throws {
        for length in 1...40 {
            let name = String("ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`|~0123456789".prefix(length))
            let bytes = Array("GET /ABC HTTP/1.1\r\nHOST: A\r\n\(name):XYZ\r\n\r\n".utf8)
            var decoder = HTTP1Decoder()
            let (request, _) = try #require(try decoder.decode(bytes.span))
            let fields = request.fields.map { text($0.name) + "=" + text($0.value) }
            #expect(fields == ["host=A", "\(name.lowercased())=XYZ"])
            #expect(text(request.path) == "/ABC")
        }
    }

    @Test("fields are found by name, first or all, in the order they were added")
    func lookup() {
        var fields = Fields()
        #expect(fields.count == 0)
        #expect(fields[.host] == nil)
        fields.append(name: .accept, value: "a")
        fields.append(name: .cookie, value: "1")
        fields.append(name: .accept, value: "")
        #expect(fields.count == 3)
        #expect(fields.string(of: .accept) == "a")
        #expect(fields.values(of: .accept).map(text) == ["a", ""])
        #expect(fields.count(of: .accept) == 2)
        #expect(fields.count(of: .host) == 0)
        #expect(fields.byteCount == 20)
        #expect(fields.map { text($0.name) } == ["accept", "cookie", "accept"])
    }

    @Test("a value with a control byte is not added")
    func badValues() {
        var fields = Fields()
        for value in ["a\rb", "a\nb", "\0", "\u{7F}"] {
            let added = fields.append(name: .accept, value: value)
            #expect(!added)
        }
        #expect(fields.count == 0)
        let added = fields.append(name: .accept, value: "é\t")
        #expect(added)
        #expect(fields.string(of: .accept) == "é\t")
    }

    @Test("methods are tokens and case-sensitive")
    func methods() {
        let known: [Method] = [.get, .head, .post, .put, .patch, .delete, .options, .connect, .trace]
        for method in known { #expect(Method(token: method.name.utf8Span.span) == method) }
        #expect(Method(token: "get".utf8Span.span) != .get)
        #expect(Method(token: "BREW".utf8Span.span)?.name == "BREW")
        for token in ["", "G T", "G(T", "GET\n", "É"] { #expect(Method(token: token.utf8Span.span) == nil) }
    }
}

@Suite("The form of dates")
struct HTTPDateTests {
    @Test(
        "known times have their known form",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (978_307_199, "Sun, 31 Dec 2000 23:59:59 GMT"), (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"), (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ])
    func dates(seconds: Int, expected: String) {
        #expect(text(HTTPDate.imfFixdate(unixSeconds: seconds)) == expected)
    }
}
