import Platform
import Vocabulary

/// What is waiting to be written to the CLI, piece by piece.
struct InputQueue {
    private var pieces: [ArraySlice<UInt8>] = []
    private var first = 0

    /// The next bytes to write; nil when there are none.
    var next: ArraySlice<UInt8>? { first < pieces.count ? pieces[first] : nil }

    mutating func append(_ more: [ArraySlice<UInt8>]) {
        if first == pieces.count { clear() }
        pieces += more.filter { !$0.isEmpty }
    }

    /// Removes so many bytes of `next`; a piece written whole gives its memory back.
    mutating func drop(_ count: Int) {
        pieces[first] = pieces[first].dropFirst(count)
        guard pieces[first].isEmpty else { return }
        pieces[first] = []
        first += 1
    }

    mutating func clear() {
        pieces = []
        first = 0
    }
}

/// The last of what the CLI says outside of its protocol.
struct ErrorOutput {
    private(set) var bytes: [UInt8] = []

    /// Reads what is there and keeps the last `limit` bytes.
    mutating func receive(from errors: borrowing FileDescriptor, limit: Int) -> IOResult {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let result = unsafe chunk.withUnsafeMutableBytes { unsafe errors.read(into: $0) }
        guard case .bytes(let count) = result else { return result }
        bytes += chunk[..<count]
        if bytes.count > limit { bytes.removeFirst(bytes.count - limit) }
        return result
    }

    /// At most 500 bytes on one line, without secrets.
    var text: String { Redaction.clean(String(decoding: bytes.suffix(500), as: UTF8.self)) }
}

/// What is answered to something the CLI asks in the middle of a turn.
enum ControlAnswer {
    /// Nothing: a tool's call stays open until the process is killed.
    case hold
    case write([UInt8])
    case fail(Fault)

    init(to request: CLIControlRequest, in line: Span<UInt8>) {
        guard let subtype = request.subtype, subtype.matches("mcp_message", in: line) else {
            self = .write(Self.refusal(of: request.id.text(in: line)))
            return
        }
        let method = request.method?.string(in: line) ?? ""
        switch method {
        case "tools/call": self = .hold
        case "tools/list":
            // The tools are in the manifest. A CLI that asks for them does not know manifests: going on would
            // leave the model without tools.
            self = .fail(Fault(.badGateway, "This version of the CLI does not take the client's tools."))
        default:
            let result =
                method == "initialize" ? JSONFragment(ClientTools.initializeResult) : JSONFragment("{}")
            let message = request.messageID.map { JSONFragment(validated: $0.text(in: line).escaped) }
            self = .write(Self.success(of: request.id.text(in: line), message: message, result))
        }
    }

    private static func success(of id: JSONText, message: JSONFragment?, _ result: JSONFragment) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"")
        json.bytes.append(contentsOf: id.escaped)
        json.bytes.append(contentsOf: "\",\"response\":{\"mcp_response\":{\"jsonrpc\":\"2.0\"".utf8)
        if let message {
            json.bytes.append(contentsOf: ",\"id\":".utf8)
            json.bytes.append(contentsOf: message.bytes)
        }
        json.bytes.append(contentsOf: ",\"result\":".utf8)
        json.bytes.append(contentsOf: result.bytes)
        json.bytes.append(contentsOf: "}}}}\n".utf8)
        return json.bytes
    }

    private static func refusal(of id: JSONText) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"type\":\"control_response\",\"response\":{\"subtype\":\"error\",\"request_id\":\"")
        json.bytes.append(contentsOf: id.escaped)
        json.bytes.append(contentsOf: "\",\"error\":\"not supported\"}}\n".utf8)
        return json.bytes
    }
}

extension ChildProcess {
    /// The number of the input's descriptor; -1 once closed.
    var inputNumber: Int32 {
        switch input {
        case .some(let input): input.number
        case .none: -1
        }
    }

    /// Writes to the child's input as much as fits now.
    func write(_ bytes: Span<UInt8>) -> IOResult {
        switch input {
        case .some(let input): input.write(bytes)
        case .none: .end
        }
    }
}
