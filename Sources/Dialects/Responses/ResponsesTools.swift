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
    private var names = ResponsesToolNames()
    private var noted: Set<String> = []
    /// How often an answer may search the web; nil where the caller may not.
    var searches: Int?
    /// Where a search is asked for that the caller may not have.
    private(set) var unheardSearch: String?
    /// How many tools the request's own list holds; what items say of those does not count.
    private var ownCount = 0

    /// Adds the request's own list.
    mutating func addOwn(_ tools: [JSONValue], into conversation: inout Conversation) throws(Refusal) {
        try add(tools, at: "tools", isOwn: true, into: &conversation)
        ownCount = list.count
    }

    /// Adds the tools that an item brings; what it says again replaces what an earlier item said.
    mutating func add(
        _ tools: [JSONValue], at path: String, into conversation: inout Conversation
    ) throws(Refusal) {
        try add(tools, at: path, isOwn: false, into: &conversation)
    }

    /// Adds what a search has found, and says so to the model. It is a part of the history: what cannot be offered is
    /// left out and named, or no later request of the conversation would be answered.
    @discardableResult
    mutating func addFound(_ tools: [JSONValue], into conversation: inout Conversation) -> JSONText {
        let before = notes.count
        var found: [String] = []
        for tool in tools {
            do throws(Refusal) {
                let first = list.count
                try add([tool], at: "input.tools", isOwn: false, into: &conversation)
                found += list[first...].map(\.name.string)
                if first == list.count { found += names(of: tool) }
            } catch {
                conversation.ignore("input.tools")
            }
        }
        guard !found.isEmpty else { return "No tool was found." }
        // What is said of a namespace stands with its tools: the system prompt is to stay what it was.
        let said = notes[before...]
        notes.removeSubrange(before...)
        let lead = "These tools were found and can be called from now on: \(found.joined(separator: ", "))"
        return JSONText.joined([JSONText(lead)] + said, separator: "\n\n")
    }

    /// The model's name of a client's tool, whether it is offered any more or not.
    func name(of tool: NamespacedName) -> JSONText {
        if let place = places[Self.key(tool)] { return list[place].name }
        guard let namespace = tool.namespace else { return tool.name }
        return JSONText(ResponsesToolNames.joined(namespace.string, tool.name.string))
    }

    /// The model's name of the search for tools.
    var searchName: JSONText { places[Self.searchKey].map { list[$0].name } ?? Self.search }

    // MARK: - Adding

    /// Tools that the vendor of this dialect runs by itself cannot be had here: they are left out and named. Any other
    /// that is not known is refused, since its client waits to be called.
    private mutating func add(
        _ tools: [JSONValue], at path: String, isOwn: Bool, into conversation: inout Conversation
    ) throws(Refusal) {
        for (index, tool) in tools.enumerated() {
            let type = try tool.expect(.object).required("type")
            let name = try type.requireText()
            let path = "\(path)[\(index)]"
            if isOwn, WebSearchTool.isOpenAIs(name), conversation.webSearch == nil {
                if let searches {
                    conversation.webSearch = try WebSearchTool.responses(
                        tool, at: path, upTo: searches, into: &conversation)
                    continue
                }
                unheardSearch = path
            }
            if VendorTools.isVendorRun(name) {
                conversation.ignore(path)
                continue
            }
            switch name.string {
            case "namespace": try add(namespace: tool, at: path, isOwn: isOwn, into: &conversation)
            case "tool_search": try add(search: tool, at: path, isOwn: isOwn, into: &conversation)
            case "function", "custom":
                var decoded = try decode(tool, at: path, into: &conversation)
                insert(&decoded, Self.key(NamespacedName(decoded.name)), isOwn)
            default:
                throw type.invalid(
                    "is not supported; the client's own tools are function, custom, namespace and tool_search")
            }
        }
    }

    private mutating func add(
        namespace: JSONValue, at path: String, isOwn: Bool, into conversation: inout Conversation
    ) throws(Refusal) {
        let name = try Self.shortName(namespace)
        let first = list.count
        for (index, tool) in try namespace.required("tools").expect(.array).elements.enumerated() {
            _ = try RequestFields.word(tool.expect(.object).required("type"), of: ["function", "custom"])
            var decoded = try decode(tool, at: "\(path).tools[\(index)]", into: &conversation)
            let own = NamespacedName(try Self.shortName(tool), in: name)
            decoded.clientName = own
            decoded.name = JSONText(ResponsesToolNames.joined(name.string, own.name.string))
            insert(&decoded, Self.key(own), isOwn)
        }
        guard let text = try namespace.optional("description")?.requireText(), !text.isEmpty, first < list.count,
            noted.insert(name.string).inserted
        else { return }
        let subject =
            ResponsesToolNames.isBare(name.string)
            ? list[first...].map(\.name.string).joined(separator: ", ")
            : ResponsesToolNames.prefix(of: name.string) + "*"
        notes.append(JSONText.joined([JSONText("About the tools \(subject):"), text], separator: "\n"))
    }

    private mutating func add(
        search tool: JSONValue, at path: String, isOwn: Bool, into conversation: inout Conversation
    ) throws(Refusal) {
        let execution = try tool.optional("execution").map { value throws(Refusal) in
            try RequestFields.word(value, of: ["client", "server"])
        }
        guard execution == "client" else { return conversation.ignore(path) }
        var search = Tool(
            name: Self.search,
            description: try tool.optional("description")?.requireText(),
            schema: try tool.optional("parameters")?.expect(.object).fragment
                ?? JSONFragment("{\"type\":\"object\",\"properties\":{}}"),
            path: path)
        search.form = .toolSearch
        search.clientName = NamespacedName(Self.search)
        insert(&search, Self.searchKey, isOwn)
    }

    private func decode(
        _ tool: JSONValue, at path: String, into conversation: inout Conversation
    ) throws(Refusal) -> Tool {
        tool["type"]?.text?.matches("custom") == true
            ? try CustomTool.decode(tool, at: path)
            : try FunctionTool.decode(tool, at: path, into: &conversation)
    }

    private mutating func insert(_ tool: inout Tool, _ key: String, _ isOwn: Bool) {
        if let place = places[key] {
            // Twice in the request's own list is refused with all other equal names.
            if isOwn { return list.append(tool) }
            guard place >= ownCount else { return }
            tool.name = list[place].name
            list[place] = tool
            return
        }
        if let free = names.take(tool.name.string, for: key) {
            // Two of the client's names may come to the same one for the model.
            if tool.clientName == nil { tool.clientName = NamespacedName(tool.name) }
            tool.name = JSONText(free)
        }
        places[key] = list.count
        list.append(tool)
    }

    /// The model's names of a tool, or of those of a namespace, that is known already.
    private func names(of tool: JSONValue) -> [String] {
        guard let name = tool["name"]?.text else { return [] }
        guard tool["type"]?.text?.matches("namespace") == true, let inner = tool["tools"] else {
            return [self.name(of: NamespacedName(name)).string]
        }
        return inner.elements.compactMap { $0["name"]?.text }.map { self.name(of: NamespacedName($0, in: name)).string }
    }

    // MARK: - Names

    private static let search: JSONText = "tool_search"
    /// No client's name makes this key.
    private static let searchKey = "\u{1}"

    private static func key(_ name: NamespacedName) -> String {
        (name.namespace?.string ?? "") + "\u{0}" + name.name.string
    }

    /// The name of a namespace or of a tool within one: it is copied for each of them, and so may not be long.
    private static func shortName(_ value: JSONValue) throws(Refusal) -> JSONText {
        let name = try value.required("name")
        let text = try name.requireText()
        guard (1...256).contains(text.escaped.count) else { throw name.invalid("must be 1 to 256 bytes long") }
        return text
    }
}

extension ResponsesTools {
    /// What the model, or nobody, must call.
    func choice(_ choice: JSONValue) throws(Refusal) -> ToolChoice {
        if choice.kind == .string { return try FunctionTool.mode(choice) }
        let type = try choice.expect(.object).required("type")
        switch try RequestFields.word(type, of: ["function", "custom", "tool_search", "allowed_tools"]) {
        case "allowed_tools":
            let names = try allowed(try choice.required("tools").expect(.array))
            return .allowed(names, isRequired: try FunctionTool.isRequired(choice.required("mode")))
        default: return .named(try name(chosenBy: choice, ofType: type.requireText()))
        }
    }

    /// The model's names of the tools that may be called; a namespace stands for all of its own.
    private func allowed(_ tools: JSONValue) throws(Refusal) -> [JSONText] {
        var namespaces = Dictionary(grouping: list.filter { $0.clientName?.namespace != nil }) {
            $0.clientName?.namespace?.string ?? ""
        }
        var opened: Set<String> = []
        var names: [JSONText] = []
        for tool in tools.elements {
            let type = try tool.expect(.object).optional("type")?.requireText()
            if let type, VendorTools.isVendorRun(type) { continue }
            guard type?.matches("namespace") == true else {
                names.append(try name(chosenBy: tool, ofType: type))
                continue
            }
            let name = try tool.required("name").requireString()
            if let own = namespaces.removeValue(forKey: name) {
                names += own.map(\.name)
                opened.insert(name)
            } else if !opened.contains(name) {
                throw try tool.required("name").invalid("there is no namespace of this name")
            }
        }
        return names
    }

    /// The model's name of the tool that a choice names.
    private func name(chosenBy tool: JSONValue, ofType type: JSONText?) throws(Refusal) -> JSONText {
        if type?.matches("tool_search") == true { return searchName }
        return name(
            of: NamespacedName(
                try tool.required("name").requireText(), in: try tool.optional("namespace")?.requireText()))
    }
}
