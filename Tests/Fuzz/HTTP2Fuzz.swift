// modules: HTTP
// files: Tests/Fuzz/Cuts.swift
//
// The first byte chooses how the client behaves, the second seeds the places where its bytes are cut. The preface and
// empty SETTINGS are put before the input, so that every input gets behind them. Whole and cut must come to the same
// requests, bodies and answers.

import HTTP

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard bytes.count > 2 else { return 0 }
    let behaviour = Behaviour(bytes[0])
    let input = preface + bytes.dropFirst(2)
    let whole = Peer(behaviour).run(input, in: [input.count])
    let cut = Peer(behaviour).run(input, in: Cuts(seed: bytes[1]))
    precondition(whole == cut || saysGoodbye(bytes.dropFirst(2)), "whole and cut disagree")
    return 0
}

/// True when a frame is GOAWAY: nghttp2 passes over what the client sends after it, but only from the next piece on.
private func saysGoodbye(_ frames: ArraySlice<UInt8>) -> Bool {
    var left = frames
    while left.count >= 9 {
        let head = Array(left.prefix(9))
        if head[3] == 7 { return true }
        left = left.dropFirst(9 + Int(head[0]) << 16 + Int(head[1]) << 8 + Int(head[2]))
    }
    return false
}

private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

/// What the server does with what arrives.
private struct Behaviour {
    /// Requests are answered at the end of the input; else they stay open.
    let answers: Bool
    /// Bodies are read, so that windows open.
    let reads: Bool
    /// GOAWAY is sent before the input.
    let goesAway: Bool
    let limits: HTTP2Limits

    init(_ byte: UInt8) {
        answers = byte & 1 == 0
        reads = byte & 2 == 0
        goesAway = byte & 4 != 0
        var limits = HTTP2Limits()
        if byte & 8 != 0 {
            limits.concurrentStreams = 2
            limits.streamWindowBytes = 40
            limits.connectionWindowBytes = 1 << 16
            limits.resetsPerTenSeconds = 3
            limits.idleFramesPerTenSeconds = 5
            limits.discardedBodyBytes = 50
        }
        self.limits = limits
    }
}

/// A server's connection and what came of its input.
private struct Peer {
    struct Outcome: Equatable {
        var isSaved = true
        var streams: [String] = []
        var output: [UInt8] = []
        var resets = 0
    }

    private let behaviour: Behaviour
    private let connection: HTTP2Connection?

    init(_ behaviour: Behaviour) {
        self.behaviour = behaviour
        connection = HTTP2Connection(limits: behaviour.limits)
    }

    func run(_ input: [UInt8], in sizes: some Sequence<Int>) -> Outcome? {
        guard let connection else { return nil }
        var outcome = Outcome()
        if behaviour.goesAway { connection.goAway() }
        var start = 0
        for size in sizes where outcome.isSaved && start < input.count {
            let end = min(start + size, input.count)
            outcome.isSaved = connection.receive(input[start..<end].span, at: 1)
            start = end
            if start == input.count { break }
        }
        let requests = connection.takeRequests()
        precondition(connection.openStreams <= behaviour.limits.concurrentStreams)
        for stream in requests { outcome.streams.append(serve(stream)) }
        connection.collectOutput(into: &outcome.output, upTo: 1 << 20)
        outcome.resets = connection.resetStreams
        connection.close()
        precondition(connection.openStreams == 0)
        return outcome
    }

    private func serve(_ stream: HTTP2Stream) -> String {
        var told = "\(stream.head)"
        var body: [UInt8] = []
        if behaviour.reads { stream.takeBody(into: &body) }
        // The windows of the connection's SETTINGS hold only once the client has acknowledged them (RFC 9113 §6.5.3).
        precondition(body.count <= 65_535)
        told += "\(body)\(stream.hasEndedBody)\(stream.isClosed)\(stream.isReset)"
        guard behaviour.answers else { return told }
        if stream.id % 4 == 1 {
            stream.respond(Response(status: 200, body: Array("whole".utf8)), date: [])
        } else {
            stream.respondStreaming(Response(status: 200), date: [])
            var part = Array("part".utf8)
            stream.write(&part)
            stream.finish()
        }
        return told
    }
}
