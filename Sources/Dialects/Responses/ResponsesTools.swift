import Vocabulary

/// The tools of a Responses request, gathered from its list and from the items that bring more of them.
///
/// Every tool is a function to the model, under a name of its own; the client's namespace is part of that name.
struct ResponsesTools {
    /// The tools so far.
    private(set) var list: [Tool] = []
    /// What was said of namespaces: instructions for the model.
    private(set) var notes: [JSONText] = []
    /// Which place in the list a tool has by its client's name.
    private var places: [String: Int] = [:]
    private var taken: Set<String> = []
    /// The next number behind a name that several tools would have; counted on, not anew each time.
    private var numbers: [String: Int] = [:]
    private var noted: Set<String> = []

    /// Adds the tools of a list. Tools that the vendor of this dialect runs by itself cannot be had here: they are left
    /// out and named. Any other that is not known is refused, since its client waits to be called.
    ///
    /// What comes `later` than the request's own list may say again what is known, and then replaces it.
    mutating func add(
        _ tools: [JSONValue], later: Bool = false, into conversation: inout Conversation
    ) throws(Refusal) {
        for tool in tools {
            let type = try tool.expect(.object).required("type")
            let name = try type.requireText()
            if VendorTools.isVendorRun(name) {
                conversation.ignore(tool.path)
                continue
            }
            switch name.string {
            case "namespace": try add(namespace: tool, later, into: &conversation)
            case "tool_search": try add(search: tool, later, into: &conversation)
            case "function", "custom": try add(tool, in: nil, later, into: &conversation)
            default:
                throw type.invalid(
                    "is not supported; the client's own tools are function, custom, namespace and tool_search")
            }
        }
    }

    /// The model's name of a client's tool, whether it is offered any more or not.
    func name(of tool: NamespacedName) -> JSONText {
        if let place = places[Self.key(tool)] { return list[place].name }
        guard let namespace = tool.namespace else { return tool.name }
        return JSONText(Self.joined(namespace.string, tool.name.string))
    }

    /// The model's name of the search for tools.
    var searchName: JSONText { places[Self.searchKey].map { list[$0].name } ?? Self.search }

    /// The model's names of tools that were added.
    func names(of tools: [JSONValue]) -> [JSONText] {
        var names: [JSONText] = []
        for tool in tools {
            guard let name = tool["name"]?.text else { continue }
            if tool["type"]?.text?.matches("namespace") == true {
                for inner in tool["tools"].map({ Array($0.elements) }) ?? [] {
                    if let own = inner["name"]?.text { names.append(self.name(of: NamespacedName(own, in: name))) }
                }
            } else {
                names.append(self.name(of: NamespacedName(name)))
            }
        }
        return names
    }

    // MARK: - Adding

    private mutating func add(
        namespace: JSONValue, _ later: Bool, into conversation: inout Conversation
    ) throws(Refusal) {
        let name = try namespace.required("name").requireText()
        guard !name.isEmpty else { throw try namespace.required("name").invalid("must not be empty") }
        let first = list.count
        for tool in try namespace.required("tools").expect(.array).elements {
            let type = try tool.expect(.object).required("type")
            _ = try RequestFields.word(type, of: ["function", "custom"])
            try add(tool, in: name, later, into: &conversation)
        }
        guard let text = try namespace.optional("description")?.requireText(), !text.isEmpty,
            noted.insert(name.string).inserted
        else { return }
        let subject =
            name.matches(Self.bareNamespace)
            ? list[first...].map(\.name.string).joined(separator: ", ")
            : Self.prefix(of: name.string) + "*"
        notes.append(JSONText.joined([JSONText("About the tools \(subject):"), text], separator: "\n"))
    }

    private mutating func add(
        _ tool: JSONValue, in namespace: JSONText?, _ later: Bool, into conversation: inout Conversation
    ) throws(Refusal) {
        var decoded =
            tool["type"]?.text?.matches("custom") == true
            ? try CustomTool.decode(tool, at: tool.path)
            : try FunctionTool.decode(tool, at: tool.path, into: &conversation)
        if let namespace {
            decoded.clientName = NamespacedName(decoded.name, in: namespace)
            decoded.name = JSONText(Self.joined(namespace.string, decoded.name.string))
        }
        insert(decoded, Self.key(decoded.clientName ?? NamespacedName(decoded.name)), later)
    }

    private mutating func add(
        search tool: JSONValue, _ later: Bool, into conversation: inout Conversation
    ) throws(Refusal) {
        let execution = try tool.optional("execution").map { value throws(Refusal) in
            try RequestFields.word(value, of: ["client", "server"])
        }
        guard execution == "client" else { return conversation.ignore(tool.path) }
        var search = Tool(
            name: Self.search,
            description: try tool.optional("description")?.requireText(),
            schema: try tool.optional("parameters")?.expect(.object).fragment
                ?? JSONFragment("{\"type\":\"object\",\"properties\":{}}"),
            path: tool.path)
        search.form = .toolSearch
        search.clientName = NamespacedName(Self.search)
        insert(search, Self.searchKey, later)
    }

    private mutating func insert(_ tool: Tool, _ key: String, _ later: Bool) {
        var tool = tool
        if let place = places[key] {
            guard later else { return list.append(tool) }
            tool.name = list[place].name
            list[place] = tool
            return
        }
        // Two of the client's names may come to the same one for the model.
        if tool.clientName != nil { tool.name = free(tool.name) }
        places[key] = list.count
        taken.insert(tool.name.string)
        list.append(tool)
    }

    private mutating func free(_ name: JSONText) -> JSONText {
        guard taken.contains(name.string) else { return name }
        let base = String(name.string.prefix(Self.mostBytes - 7))
        var number = numbers[base] ?? 2
        while taken.contains("\(base)_\(number)") { number += 1 }
        numbers[base] = number + 1
        return JSONText("\(base)_\(number)")
    }

    // MARK: - Names

    /// Tools of this namespace keep their names: it is the root of all that the client offers.
    private static let bareNamespace: StaticString = "functions"
    private static let search: JSONText = "tool_search"
    /// No name of a client's makes this key.
    private static let searchKey = "\u{0}"
    /// What all vendors of this dialect take.
    private static let mostBytes = 64

    private static func key(_ name: NamespacedName) -> String {
        (name.namespace?.string ?? "") + "\u{0}" + name.name.string
    }

    private static func prefix(of namespace: String) -> String {
        let name = clean(namespace)
        return name.hasSuffix("__") ? name : name + "__"
    }

    /// A name that is the same in each request, since the history repeats it.
    private static func joined(_ namespace: String, _ name: String) -> String {
        let whole = namespace == "\(bareNamespace)" ? clean(name) : prefix(of: namespace) + clean(name)
        guard whole.utf8.count > mostBytes else { return whole }
        let mark = String(checksum(of: namespace + "\u{0}" + name), radix: 16)
        return whole.prefix(mostBytes - 1 - mark.utf8.count) + "_" + mark
    }

    private static func clean(_ name: String) -> String {
        String(decoding: name.utf8.map { $0.isNameByte ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    }

    /// FNV-1a of 32 bits: names only have to differ, nobody has to be kept from finding two that do not.
    private static func checksum(of text: String) -> UInt32 {
        text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}

extension ResponsesTools {
    /// What the model, or nobody, must call.
    func choice(_ choice: JSONValue) throws(Refusal) -> ToolChoice {
        if choice.kind == .string { return try FunctionTool.mode(choice) }
        let type = try choice.expect(.object).required("type")
        switch try RequestFields.word(type, of: ["function", "custom", "tool_search", "allowed_tools"]) {
        case "allowed_tools":
            var names: [JSONText] = []
            for tool in try choice.required("tools").expect(.array).elements {
                names += try self.names(chosenBy: tool.expect(.object))
            }
            return .allowed(names, isRequired: try FunctionTool.isRequired(choice.required("mode")))
        case "tool_search": return .named(searchName)
        default: return .named(try names(chosenBy: choice).first ?? "")
        }
    }

    /// The model's names of what a choice names; a namespace stands for all of its tools.
    private func names(chosenBy tool: JSONValue) throws(Refusal) -> [JSONText] {
        let type = try tool.optional("type")?.requireText()
        if type?.matches("tool_search") == true { return [searchName] }
        let name = try tool.required("name").requireText()
        if type?.matches("namespace") == true {
            return list.filter { $0.clientName?.namespace == name }.map(\.name)
        }
        return [self.name(of: NamespacedName(name, in: try tool.optional("namespace")?.requireText()))]
    }
}
