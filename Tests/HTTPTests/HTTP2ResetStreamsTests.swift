import Testing

@testable import HTTP

@Suite("HTTP/2 streams that were reset")
struct HTTP2ResetStreamsTests {
    @Test("the newest hundred and twenty-eight are remembered")
    func capacity() {
        var memory = HTTP2ResetStreams(window: 100)
        for index in 0..<129 { memory.noteReset(byClientOn: Int32(2 * index + 1)) }
        #expect(memory.judge(1, dataBytes: 1, endsStream: false) == .end(.streamClosed))
        #expect(memory.judge(3, dataBytes: 1, endsStream: false) == .resetAgain)
        #expect(memory.judge(257, dataBytes: nil, endsStream: true) == .resetAgain)
    }

    @Test("a number that was passed over was never opened, and some of them are remembered")
    func skipped() {
        var memory = HTTP2ResetStreams(window: 100)
        memory.noteOpening(1, after: 0)
        memory.noteOpening(3, after: 1)
        #expect(memory.judge(1, dataBytes: 1, endsStream: true) == .end(.streamClosed))
        memory.noteOpening(9, after: 3)
        #expect(memory.judge(5, dataBytes: nil, endsStream: true) == .end(.protocolError))
        #expect(memory.judge(9, dataBytes: nil, endsStream: true) == .end(.streamClosed))
        for index in 0..<16 { memory.noteOpening(Int32(13 + 4 * index), after: Int32(9 + 4 * index)) }
        #expect(memory.judge(5, dataBytes: nil, endsStream: true) == .end(.streamClosed))
    }

    @Test("a second reset by the server does not open what the first has used up")
    func window() {
        var memory = HTTP2ResetStreams(window: 100)
        memory.noteReset(byServerOn: 1)
        #expect(memory.judge(1, dataBytes: 100, endsStream: false) == .discard)
        memory.noteReset(byServerOn: 1)
        #expect(memory.judge(1, dataBytes: 1, endsStream: false) == .end(.streamClosed))
    }
}
