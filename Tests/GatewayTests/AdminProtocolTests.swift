import Testing

@testable import Gateway

@Suite("The lines of the administrative socket")
struct AdminProtocolTests {
    private var request: AdminRequest {
        AdminRequest(.keyAdd, fields: ["name": "alice", "odd \"key\"": "a\nb"], words: ["message=Ask \u{1F600} \"Bob\"", ""])
    }

    @Test("a request and an answer come out as they went in, whatever is in them")
    func roundTrips() throws {
        let line = request.line
        #expect(line.last == AdminLine.end && line.count { $0 == AdminLine.end } == 1)
        #expect(AdminRequest(line: line.dropLast()) == request)
        for status in AdminAnswer.Status.allCases {
            let answer = AdminAnswer(status, fields: ["key": "alice:x"], lines: ["one\ntwo", "{\"a\":1}"])
            #expect(AdminAnswer(line: answer.line.dropLast()) == answer)
        }
    }

    @Test("lines are put together from single bytes, and several that come at once are told apart")
    func pieces() {
        var lines = AdminLine(limit: 1000)
        for byte in request.line {
            #expect(lines.next() == .partial)
            lines.append([byte])
        }
        #expect(lines.next() == .whole(request.line.dropLast()))
        #expect(lines.next() == .partial)
        lines.append(Array("a\n\nbc\nd".utf8))
        #expect(lines.next() == .whole([0x61]))
        #expect(lines.next() == .whole([]))
        #expect(lines.next() == .whole([0x62, 0x63]))
        #expect(lines.next() == .partial)
    }

    @Test("a line that is too long is noticed before its end comes, and at the first byte beyond the bound")
    func bound() {
        var lines = AdminLine(limit: 4)
        lines.append(Array("abcd\n".utf8))
        #expect(lines.next() == .whole(Array("abcd".utf8)))
        lines.append(Array("abcd".utf8))
        #expect(lines.next() == .partial)
        lines.append(Array("e".utf8))
        #expect(lines.next() == .tooLong)
        var whole = AdminLine(limit: 4)
        whole.append(Array("abcde\n".utf8))
        #expect(whole.next() == .tooLong)
    }

    @Test(
        "what is no request is none",
        arguments: [
            "", "reload", "[]", "7", "null", "{}", #"{"verb":7}"#, #"{"fields":{}}"#, #"{"verb":"x""#, "{\"verb\":\"\u{0}\"}",
            #"{"verb":"x","words":[[[[[]]]]]}"#,
        ])
    func garbage(text: String) {
        #expect(AdminRequest(line: Array(text.utf8)) == nil)
        #expect(AdminAnswer(line: Array(text.utf8)) == nil)
    }

    @Test("bytes that are no text are no request, wherever they stand")
    func noText() {
        let line = Array(request.line.dropLast())
        for index in line.indices {
            var spoilt = line
            spoilt[index] = 0xFF
            #expect(AdminRequest(line: spoilt) == nil)
        }
        for count in 0..<line.count { #expect(AdminRequest(line: Array(line.prefix(count))) == nil) }
    }

    @Test("what a later release adds is left out of account")
    func tolerant() throws {
        let text = #"{"verb":"new","new":{"a":1},"fields":{"a":"b","c":3},"words":["x",4]}"#
        let read = try #require(AdminRequest(line: Array(text.utf8)))
        #expect(read.verb == "new" && read.fields == ["a": "b"] && read.words == ["x"])
    }
}
