import Vocabulary

/// What is answered to something the CLI asks in the middle of a turn.
enum ControlAnswer {
    /// Nothing: a tool's call stays open until the process is killed.
    case hold
    /// That a tool is not to be called now: the turn ends with its call, and the next message brings the result.
    case putOff([UInt8])
    case write([UInt8])
    /// That a call of one of the CLI's own tools is not made, or did not get where it wanted, for this reason.
    case deny([UInt8], call: JSONText, reason: String)
    case fail(Fault)

    /// The answer to a request whose calls of the CLI's own tools `policy` decides, and which go into the network by `way`.
    init(to request: CLIControlRequest, in line: Span<UInt8>, by policy: AgentPolicy, going way: (any AgentWay)?) {
        if let subtype = request.subtype, subtype.matches("hook_callback", in: line) {
            self.init(behind: request, in: line, way?.takeReasons() ?? [])
            return
        }
        guard let subtype = request.subtype, subtype.matches("can_use_tool", in: line), let input = request.input else {
            self.init(to: request, in: line)
            return
        }
        let arguments = JSONFragment(validated: input.text(in: line).escaped)
        let id = request.id.text(in: line)
        let document = try? JSONDocument(parsing: Array(arguments.bytes), limits: JSONLimits(depth: 256, values: .max))
        let verdict = document.map { policy.verdict(on: request.tool?.string(in: line) ?? "", $0.root) }
        switch verdict ?? .denied("The arguments of the call cannot be read.") {
        case .allowed: self = .write(Self.permission(of: id, arguments))
        case .denied(let reason):
            let call = request.callID?.text(in: line) ?? JSONText("")
            self = .deny(Self.denial(of: id, reason), call: call, reason: reason)
        }
    }

    /// What is said behind a call that may have gone into the network: programs seldom tell why they have not got there.
    private init(behind request: CLIControlRequest, in line: Span<UInt8>, _ reasons: [WayReason]) {
        let id = request.id.text(in: line)
        guard !reasons.isEmpty, let input = request.input,
            let event = try? JSONDocument(parsing: Array(input.text(in: line).escaped), limits: JSONLimits(depth: 256, values: .max))
                .root["hook_event_name"]?.text?.string
        else {
            self = .write(Self.context(of: id, event: "", nil))
            return
        }
        let row = Self.context(of: id, event: event, "The network of this workspace: \(Self.list(reasons)).")
        let denials = reasons.filter(\.isDenial)
        guard !denials.isEmpty, let call = request.callID?.text(in: line) else {
            self = .write(row)
            return
        }
        self = .deny(row, call: call, reason: Self.list(denials))
    }

    private static func list(_ reasons: [WayReason]) -> String { reasons.map(\.text).joined(separator: "; ") }

    init(to request: CLIControlRequest, in line: Span<UInt8>) {
        if let subtype = request.subtype, subtype.matches("hook_callback", in: line) {
            self = .putOff(Self.deferral(of: request.id.text(in: line)))
            return
        }
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

    private static func permission(of id: JSONText, _ input: JSONFragment) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"")
        json.bytes.append(contentsOf: id.escaped)
        json.bytes.append("\",\"response\":{\"behavior\":\"allow\",\"updatedInput\":")
        json.bytes.append(contentsOf: input.bytes)
        json.bytes.append("}}}\n")
        return json.bytes
    }

    private static func denial(of id: JSONText, _ reason: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"")
        json.bytes.append(contentsOf: id.escaped)
        json.bytes.append("\",\"response\":{\"behavior\":\"deny\",\"message\":\"")
        json.bytes.append(contentsOf: JSONText(reason).escaped)
        json.bytes.append("\"}}}\n")
        return json.bytes
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

    private static func deferral(of id: JSONText) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"")
        json.bytes.append(contentsOf: id.escaped)
        json.bytes.append(
            """
            ","response":{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"defer"}}}}\n
            """)
        return json.bytes
    }

    /// Text that the model reads behind the result of a call; nil for none.
    private static func context(of id: JSONText, event: String, _ text: String?) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":\"")
        json.bytes.append(contentsOf: id.escaped)
        json.bytes.append("\",\"response\":{")
        if let text {
            json.bytes.append("\"hookSpecificOutput\":{\"hookEventName\":\"")
            json.bytes.append(contentsOf: JSONText(event).escaped)
            json.bytes.append("\",\"additionalContext\":\"")
            json.bytes.append(contentsOf: JSONText(text).escaped)
            json.bytes.append("\"}")
        }
        json.bytes.append("}}}\n")
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
