public import Vocabulary

extension Conversation {
    /// Asks for the call that `toolChoice` forces in another way, for a model that refuses to be forced.
    ///
    /// The choice becomes `auto` and is named as ignored; what is demanded stays in `demandedCall`. Where the client
    /// asked for no format of its own and the arguments fit the vendor's grammar for certain, the output format is one
    /// in which an answer in text can be nothing but the call.
    public mutating func demandCall() {
        var demanded: DemandedCall
        switch toolChoice {
        case .auto, .none, .allowed(_, isRequired: false): return
        case .any:
            demanded = DemandedCall(names: tools.map(\.name), isNamed: false)
            toolChoice = .auto
        case .named(let name):
            demanded = DemandedCall(names: [name], isNamed: true)
            toolChoice = .auto
        case .allowed(let names, isRequired: true):
            let allowed = Set(names.map(\.string))
            demanded = DemandedCall(
                names: tools.map(\.name).filter { allowed.contains($0.string) }, isNamed: false)
            toolChoice = .allowed(names, isRequired: false)
        }
        ignore("tool_choice")
        if outputFormat == nil {
            let wanted = Set(demanded.names.map(\.string))
            demanded.describe(tools.filter { wanted.contains($0.name.string) })
            outputFormat = demanded.format
            // Where the call may come as text, a text to stop at could cut it.
            if outputFormat != nil, !sampling.stopSequences.isEmpty {
                sampling.stopSequences = []
                ignore("stop")
            }
        }
        demandedCall = demanded
    }
}

extension DemandedCall {
    /// More tools than these, or more text, and the grammar might be too large for the vendor, which names no bound.
    private static let mostForms = 16
    private static let mostBytes = 32 * 1024

    /// Describes all of the tools as forms, or none of them.
    fileprivate mutating func describe(_ tools: [Tool]) {
        guard !tools.isEmpty, tools.count <= Self.mostForms,
            tools.reduce(0, { $0 + $1.schema.bytes.count }) <= Self.mostBytes
        else { return }
        var optionals = 0
        // The choice between the tools is a union itself.
        var unions = tools.count > 1 ? 1 : 0
        var described: [Form] = []
        var definitions = JSONWriter()
        definitions.beginObject()
        let empty = definitions.bytes.count
        for (index, tool) in tools.enumerated() {
            guard let document = try? JSONDocument(parsing: Array(tool.schema.bytes)) else { return }
            let fit = GrammarFit(document.root)
            optionals += fit.optionals
            unions += fit.unions
            guard !fit.isVague, !fit.isBeyond else { return }
            var part = GrammarRewriting(asPartWith: tools.count > 1 ? "t\(index)_" : "")
            part.schema(document.root)
            let arguments = JSONFragment(validated: part.json.bytes[...])
            Self.define(document.root, with: &part, into: &definitions)
            guard !part.isOpen else { return }
            described.append(Form(name: tool.name, arguments: arguments))
        }
        guard optionals <= GrammarFit.mostOptionals, unions <= GrammarFit.mostUnions else { return }
        forms = described
        guard definitions.bytes.count > empty else { return }
        definitions.endObject()
        self.definitions = JSONFragment(validated: definitions.bytes[...])
    }

    private static func define(
        _ root: JSONValue, with part: inout GrammarRewriting, into definitions: inout JSONWriter
    ) {
        for (key, place) in root.members where key.matches("$defs") || key.matches("definitions") {
            for (name, definition) in place.members {
                definitions.key(part.name(ofDefinition: name))
                swap(&part.json, &definitions)
                part.schema(definition)
                swap(&part.json, &definitions)
            }
        }
    }
}
