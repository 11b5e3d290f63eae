import HTTP
import Testing

let date = Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)

/// A client and a server with nothing between them.
final class Link {
    let server: HTTP2Connection
    let client: HTTP2Client
    let isBytewise: Bool
    /// The time, for the budgets.
    var milliseconds = 0
    private(set) var isSound = true

    init(bytewise: Bool = false, isPatient: Bool = false, _ change: (inout HTTP2Limits) -> Void = { _ in }) throws {
        var limits = HTTP2Limits()
        change(&limits)
        server = try #require(HTTP2Connection(limits: limits))
        client = try HTTP2Client(isPatient: isPatient)
        isBytewise = bytewise
        run()
    }

    /// Moves bytes until neither side has more to say.
    func run() {
        while true {
            let up = client.output()
            deliver(up)
            var down: [UInt8] = []
            server.collectOutput(into: &down, upTo: 16_384)
            if isBytewise { for byte in down { client.receive([byte]) } } else if !down.isEmpty { client.receive(down) }
            if up.isEmpty, down.isEmpty { return }
        }
    }

    func deliver(_ bytes: [UInt8]) {
        for piece in isBytewise ? bytes.map({ [$0] }) : bytes.isEmpty ? [] : [bytes] {
            isSound = server.receive(piece.span, at: milliseconds) && isSound
        }
    }

    /// Runs and returns the one request that came with it.
    func next(sourceLocation: SourceLocation = #_sourceLocation) throws -> HTTP2Stream {
        run()
        let streams = server.takeRequests()
        try #require(streams.count == 1, sourceLocation: sourceLocation)
        return try #require(streams.first, sourceLocation: sourceLocation)
    }

    func answer(_ id: Int32) -> Answer { client.answers[id] ?? Answer() }
}

func response(_ status: Int, _ body: String = "") -> Response {
    Response(status: status, body: Array(body.utf8))
}

/// A client that writes its frames by hand, as no library would.
final class RawLink {
    let server: HTTP2Connection
    /// The code of the server's GOAWAY, if there was one.
    private(set) var goAwayCode: UInt32?
    /// The streams that the server has reset, with its codes.
    private(set) var resets: [Reset] = []
    /// How much the server has let the client send on the whole connection beyond what it began with.
    private(set) var openedBytes = 0
    private let isBytewise: Bool

    struct Reset: Equatable {
        var stream: UInt8
        var code: UInt32
    }

    init(bytewise: Bool = false, _ limits: HTTP2Limits = HTTP2Limits()) throws {
        server = try #require(HTTP2Connection(limits: limits))
        isBytewise = bytewise
        #expect(send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(4, 0, 0, [])))
    }

    /// A frame (RFC 9113 §4.1).
    static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), type, flags, 0, 0, 0, stream] + payload
    }

    /// HEADERS with method, scheme, path and authority from HPACK's static table (RFC 7541 appendix A).
    static func request(_ stream: UInt8, isOpen: Bool = false) -> [UInt8] {
        frame(1, isOpen ? 0x4 : 0x5, stream, [isOpen ? 0x83 : 0x82, 0x87, 0x84, 0x01, 0x01, 0x61])
    }

    /// Gives bytes to the server and reads its frames; false when the connection is beyond saving.
    func send(_ bytes: [UInt8]) -> Bool {
        var isSound = true
        for piece in isBytewise ? bytes.map({ [$0] }) : [bytes] {
            isSound = server.receive(piece.span, at: 0) && isSound
            readOutput()
        }
        return isSound
    }

    /// Reads what the server has to say.
    func readOutput() {
        var output: [UInt8] = []
        var before = -1
        while output.count > before {
            before = output.count
            server.collectOutput(into: &output, upTo: before + 16_384)
        }
        var rest = output[...]
        while rest.count >= 9 {
            let start = rest.startIndex
            let count = Int(rest[start]) << 16 | Int(rest[start + 1]) << 8 | Int(rest[start + 2])
            func number(at offset: Int) -> UInt32 {
                rest[(start + 9 + offset)..<(start + 13 + offset)].reduce(0) { $0 << 8 | UInt32($1) }
            }
            switch rest[start + 3] {
            case 3: resets.append(Reset(stream: rest[start + 8], code: number(at: 0)))
            case 7: goAwayCode = number(at: 4)
            case 8 where rest[start + 8] == 0: openedBytes += Int(number(at: 0))
            default: break
            }
            rest = rest.dropFirst(9 + count)
        }
    }
}

extension HTTP2Stream {
    /// Adds a copy of `bytes` to a streamed response.
    func write(_ bytes: [UInt8]) {
        var copy = bytes
        write(&copy)
    }
}
