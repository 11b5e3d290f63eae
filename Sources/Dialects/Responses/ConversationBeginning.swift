public import Vocabulary

/// What `POST /v1/conversations` begins a conversation with.
public struct ConversationBeginning: Sendable {
    /// What was said before it.
    public private(set) var turns: [Turn] = []
    /// What it stands on.
    public private(set) var ground = StoredGround()

    /// Reads a body; an empty one begins with nothing.
    public init(_ body: [UInt8], limits: JSONLimits) throws(Refusal) {
        guard !body.isEmpty else { return }
        let root = try RequestBody.parse(body, limits: limits)
        if let metadata = try root.optional("metadata")?.expect(.object) {
            try Self.check(metadata)
            ground.metadata = metadata.fragment
        }
        guard let items = try root.optional("items")?.expect(.array), items.elements.contains(where: { _ in true }) else {
            return
        }
        var conversation = Conversation(model: "")
        var input = ResponsesInput(nil)
        turns = try input.decode(items, ItemLookup(StoredItems(), limits), into: &conversation)
        ground.system = conversation.system
    }

    /// The vendor's own bounds: it is told whole whenever somebody asks for it.
    private static func check(_ metadata: JSONValue) throws(Refusal) {
        var count = 0
        for (key, value) in metadata.members {
            count += 1
            // Characters are code points here, as JSON Schema counts them.
            let isShort = try value.requireString().unicodeScalars.count <= 512
            guard count <= 16, key.string.unicodeScalars.count <= 64, isShort else {
                throw metadata.invalid("at most 16 keys of 64 characters, with values of 512")
            }
        }
    }
}
