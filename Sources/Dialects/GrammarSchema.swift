import Vocabulary

/// A schema of OpenAI's `json_schema` in the words that the vendor's grammar takes.
///
/// OpenAI takes objects that are not closed and bounds of numbers, texts and arrays; the vendor refuses the request
/// for either. What its own SDKs do for their users is done here for OpenAI's: objects are closed, and a bound stands
/// in the description, where the model reads it, and is named as ignored, since nothing enforces it.
enum GrammarSchema {
    /// Asks for answers by the schema in `described`, which also says whether it is `strict`.
    ///
    /// What is beyond the grammar or its limits, as an object of unknown properties, which closed could only be empty, is
    /// asked for in the prompt; that a strict schema is then nobody's to enforce is named as ignored.
    static func ask(_ described: JSONValue, in conversation: inout Conversation) throws(Refusal) {
        let schema = try described.required("schema").expect(.object)
        let isStrict = described.optional("strict")?.bool == true
        let fit = GrammarFit(schema)
        var rewriting = GrammarRewriting()
        if fit.isWithinLimits { rewriting.schema(schema) }
        if !fit.isWithinLimits || rewriting.isOpen {
            if isStrict { conversation.ignore(described.path + ".strict") }
            let text = String(decoding: schema.fragment.bytes, as: UTF8.self)
            conversation.system.append(JSONText("Your answer must match this JSON Schema:\n" + text))
            return conversation.outputFormat = .jsonObject
        }
        guard rewriting.isChanged else { return conversation.outputFormat = .jsonSchema(schema.fragment) }
        for bound in rewriting.bounds { conversation.ignore("schema." + bound) }
        conversation.outputFormat = .jsonSchema(JSONFragment(validated: rewriting.json.bytes[...]))
    }
}
