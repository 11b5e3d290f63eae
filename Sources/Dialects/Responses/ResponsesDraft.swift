public import Vocabulary

/// A Responses request that has been read, but not yet what it refers to: decoding takes two steps, because what
/// was stored must be fetched in between.
public struct ResponsesDraft: Sendable {
    /// The id of the response that it continues.
    public let previousResponseID: String?
    /// The ids of the responses in which the items stand that it refers to by id.
    public let referencedResponses: [String]
    /// True when it refers to items by id.
    public let hasReferences: Bool
    private let root: JSONValue
    private let context: RequestContext

    /// Reads a body as far as that can be done without what was stored.
    public init(_ body: [UInt8], context: RequestContext = RequestContext()) throws(Refusal) {
        try self.init(RequestDraft(body, dialect: .responses, limits: context.limits), context: context)
    }

    /// Reads on where a draft has begun.
    public init(_ draft: RequestDraft, context: RequestContext = RequestContext()) throws(Refusal) {
        self.context = context
        root = draft.root
        let previous = try root.optional("previous_response_id")?.requireString()
        previousResponseID = previous?.isEmpty == true ? nil : previous
        let references = Self.references(root)
        hasReferences = !references.isEmpty
        referencedResponses = try Self.responses(of: references)
    }

    /// The conversation, when what it refers to is at hand. The items of `stored` come before those of the request;
    /// the instructions of earlier requests do not count any more, as at the vendor.
    public func conversation(with stored: StoredItems = StoredItems()) throws(Refusal) -> Conversation {
        try ResponsesRequest.decode(root, context: context, stored: ItemLookup(stored, context.limits))
    }

    /// The request's own items as they are stored and listed: each with an id, references replaced by what they
    /// name, commas between them. `reply` is the answer that they are stored with.
    public func items(for reply: StoredReply, with stored: StoredItems = StoredItems()) -> [UInt8] {
        let needed = hasReferences ? stored : StoredItems()
        guard let input = root.optional("input"), let lookup = try? ItemLookup(needed, context.limits) else {
            return []
        }
        return StoredItemWriter(suffix: reply.suffix, lookup: lookup).items(of: input)
    }

    private static func references(_ root: JSONValue) -> [JSONValue] {
        root.optional("input")?.elements.filter(\.isReference) ?? []
    }

    private static func responses(of references: [JSONValue]) throws(Refusal) -> [String] {
        var responses: [String] = []
        for item in references {
            // Other ids may still be those that the client itself gave to items of the conversation.
            guard let response = ItemID.response(of: try item.required("id").requireString()),
                !responses.contains(response)
            else { continue }
            responses.append(response)
            guard responses.count <= maxReferences else {
                throw Refusal(
                    .invalidRequest, "input: refers to items of more than \(maxReferences) responses", param: "input")
            }
        }
        return responses
    }

    private static let maxReferences = 256
}

/// What a request refers to, as it was stored: items with commas between them.
public struct StoredItems: Sendable {
    /// The conversation that is continued, oldest first.
    public var history: [UInt8]
    /// Items of other responses, some of which are referred to.
    public var others: [UInt8]

    /// Items as they were stored.
    public init(history: [UInt8] = [], others: [UInt8] = []) {
        self.history = history
        self.others = others
    }
}

/// What is stored of an answer.
public struct StoredReply: Sendable {
    /// What its ids have in common.
    let suffix: String
    /// Its output items with commas between them, sealed thinking included whether or not the client sees it.
    public let output: [UInt8]
    /// The response as the client gets it.
    public let answer: [UInt8]

    /// The response's id.
    public var id: String { ItemID.response(suffix: suffix) }
}

/// Ids of responses and of their items: an item's tells which response it is of.
enum ItemID {
    static func response(suffix: String) -> String { "resp_" + suffix }

    private static let prefixes: Set<Substring> = [
        "msg", "rs", "fc", "fco", "ctc", "ctco", "tsc", "tso", "at", "cmp", "mcp", "it",
    ]

    /// What the id of an item of the request begins with.
    static func prefix(ofType type: JSONText) -> StaticString {
        switch type.string {
        case "message": "msg"
        case "reasoning": "rs"
        case "function_call": "fc"
        case "function_call_output": "fco"
        case "custom_tool_call": "ctc"
        case "custom_tool_call_output": "ctco"
        case "tool_search_call": "tsc"
        case "tool_search_output": "tso"
        case "additional_tools": "at"
        case "compaction": "cmp"
        case "mcp_call": "mcp"
        default: "it"
        }
    }

    /// The response in which an item stands; nil for ids that are not of this gateway.
    static func response(of item: String) -> String? {
        let parts = item.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, prefixes.contains(parts[0]), !parts[1].isEmpty else { return nil }
        return response(suffix: String(parts[1]))
    }

    /// The id of an item of the request, told from those of the answer by a letter.
    static func input(_ prefix: StaticString, suffix: String, _ number: Int) -> String {
        "\(prefix)_\(suffix)_i\(number)"
    }
}

extension JSONValue {
    /// True for an input item that only names another one; its type may be left out.
    var isReference: Bool {
        guard kind == .object else { return false }
        if let type = optional("type") { return type.text?.matches("item_reference") == true }
        return optional("role") == nil && optional("id") != nil
    }
}

/// Stored items, read.
struct ItemLookup: Sendable {
    /// The items of the conversation that is continued.
    let history: [JSONValue]
    private let named: [String: JSONValue]

    init(_ stored: StoredItems, _ limits: JSONLimits) throws(Refusal) {
        history = try Self.parse(stored.history, limits)
        var named: [String: JSONValue] = [:]
        for item in try Self.parse(stored.others, limits) + history {
            if let id = item["id"]?.text { named[id.string] = item }
        }
        self.named = named
    }

    private static func parse(_ items: [UInt8], _ limits: JSONLimits) throws(Refusal) -> [JSONValue] {
        guard !items.isEmpty else { return [] }
        var list: [UInt8] = []
        list.reserveCapacity(items.count + 2)
        list.append("[")
        list += items
        list.append("]")
        do throws(JSONError) {
            return Array(try JSONDocument(parsing: list, limits: limits).root.elements)
        } catch {
            throw Refusal(
                .invalidRequest,
                "The stored conversation is too large: it holds more than \(limits.values) JSON values or nests "
                    + "more than \(limits.depth) levels deep.",
                param: "previous_response_id"
            )
        }
    }

    /// The item that a reference names: of the conversation where it is there, the newest of its id.
    func item(for reference: JSONValue) throws(Refusal) -> JSONValue {
        guard let item = named[try reference.required("id").requireString()] else { throw Self.unknown(reference) }
        return item
    }

    static func unknown(_ reference: JSONValue) -> Refusal {
        let id = reference["id"]?.text?.string ?? ""
        return (reference["id"] ?? reference).invalid("Item with id '\(id.prefix(128))' not found.")
    }
}
