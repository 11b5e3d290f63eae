import Vocabulary

/// Fields that more than one dialect has.
enum RequestFields {
    /// The model's name; where none is named the default one's, if there is such.
    static func model(_ root: JSONValue, _ context: RequestContext) throws(Refusal) -> String {
        if let model = context.model { return model }
        let named = root.optional("model")
        if let model = context.defaultModel, named == nil || named?.text?.isEmpty == true { return model }
        let value = try root.required("model")
        let name = try value.requireString()
        guard !name.isEmpty else { throw value.invalid("must not be empty") }
        guard name.utf8.count <= 256 else { throw value.invalid("must be at most 256 bytes long") }
        return name
    }

    /// A flag that is false unless set.
    static func flag(_ root: JSONValue, _ key: StaticString) throws(Refusal) -> Bool {
        try root.optional(key)?.requireBool() ?? false
    }

    /// A number within a range, in the client's spelling.
    static func number(
        _ root: JSONValue,
        _ key: StaticString,
        in range: ClosedRange<Double>
    ) throws(Refusal) -> JSONValue? {
        guard let value = root.optional(key) else { return nil }
        guard let number = value.double else { throw value.wrongType("number") }
        guard range.contains(number) else {
            throw value.invalid("must be between \(range.lowerBound) and \(range.upperBound)")
        }
        return value
    }

    /// A token limit: at least one.
    static func limit(_ root: JSONValue, _ key: StaticString) throws(Refusal) -> Int? {
        try root.optional(key)?.requireInteger(in: 1...Int(Int32.max))
    }

    /// One of a set of words.
    static func word(_ value: JSONValue, of words: [StaticString]) throws(Refusal) -> String {
        let text = try value.requireText()
        if let word = words.first(where: { text.matches($0) }) { return word.description }
        let list = words.map(\.description).joined(separator: ", ")
        throw value.invalid("must be one of: \(list)")
    }

    /// One of the words that a type stands for.
    static func choice<Choice: RawRepresentable & CaseIterable>(
        _ value: JSONValue,
        of type: Choice.Type
    ) throws(Refusal) -> Choice where Choice.RawValue == String {
        let text = try value.requireString()
        if let choice = Choice(rawValue: text) { return choice }
        let list = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw value.invalid("must be one of: \(list)")
    }

    /// The elements of an array that may be missing.
    static func list(_ root: JSONValue, _ key: StaticString) throws(Refusal) -> [JSONValue] {
        guard let value = root.optional(key) else { return [] }
        return try Array(value.expect(.array).elements)
    }

    /// The strings of an array.
    static func texts(_ array: JSONValue) throws(Refusal) -> [JSONText] {
        var texts: [JSONText] = []
        for element in try array.expect(.array).elements { texts.append(try element.requireText()) }
        return texts
    }

    /// OpenAI's sampling parameters, which both of its dialects share.
    ///
    /// OpenAI's temperature reaches 2, the model's only 1: what lies above is sent as 1 and named as ignored.
    static func sample(_ root: JSONValue, into conversation: inout Conversation) throws(Refusal) {
        if let value = try number(root, "temperature", in: 0...2) {
            let fits = (value.double ?? 0) <= 1
            conversation.sampling.temperature = fits ? value.fragment : JSONFragment("1")
            if !fits { conversation.ignore("temperature") }
        }
        // 1 is what holds anyway; programs send it beside a temperature, and newer models take one of the two only.
        let topP = try number(root, "top_p", in: 0...1)
        if topP?.double != 1 { conversation.sampling.topP = topP?.fragment }
        if let value = root.optional("service_tier"), value.text?.isEmpty != true {
            switch try word(value, of: ["auto", "default", "flex", "scale", "priority", "fast", "standard_only"]) {
            case "auto": break
            case "default", "standard_only": conversation.sampling.serviceTier = JSONFragment("\"standard_only\"")
            default: conversation.ignore("service_tier")
            }
        }
    }

    /// OpenAI's words for effort, in the field `name`; all but `none` also ask for thinking. No word asks for nothing.
    static func effort(_ value: JSONValue, named name: String, into conversation: inout Conversation) throws(Refusal) {
        if value.text?.isEmpty == true { return }
        let wish = try choice(value, of: ReasoningEffort.self)
        (conversation.fields.effort, conversation.effort) = (name, wish.effort)
        if wish == .none {
            (conversation.fields.thinking, conversation.fields.effort) = (name, nil)
            conversation.thinking = .disabled
        } else {
            think(askedBy: name, in: &conversation)
        }
    }

    /// Asks for thinking that can be read, which newer models would not show otherwise.
    static func think(askedBy name: String, in conversation: inout Conversation) {
        conversation.fields.thinking = name
        conversation.thinking = .adaptive
        conversation.thinkingDisplay = .summarized
    }

    /// Notes parameters that are set and cannot be honoured; their harmless values are not worth a word.
    static func ignore(
        _ keys: [StaticString],
        of root: JSONValue,
        in conversation: inout Conversation
    ) {
        for key in keys {
            guard let value = root.optional(key), !isHarmless(value) else { continue }
            conversation.ignore(key.description)
        }
    }

    /// True for the values that ask for nothing: false, zero and whatever is empty.
    static func isHarmless(_ value: JSONValue) -> Bool {
        switch value.kind {
        case .null: true
        case .bool: value.bool == false
        case .number: value.double == 0
        case .string: value.text?.isEmpty == true
        case .array: value.elements.first { _ in true } == nil
        case .object: value.members.first { _ in true } == nil
        }
    }
}
