public import Vocabulary

/// What the endpoints about stored responses answer.
public enum StoredAnswers {
    /// What is left to say of a response that was deleted.
    public static func deleted(_ id: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("id", id)
            writer.raw("\"object\":\"response\",\"deleted\":true")
        }
        return writer.bytes
    }

    /// The refusal of an id that the caller has no response of.
    public static func unknown(_ id: String) -> Refusal {
        Refusal(.notFound, "Response with id '\(id.prefix(128))' not found.", param: "id")
    }

    /// The refusal of a request that would continue a response the caller does not have.
    public static func unknownPrevious(_ id: String) -> Refusal {
        Refusal(
            .invalidRequest,
            "Previous response with id '\(id.prefix(128))' not found.",
            param: "previous_response_id",
            code: "previous_response_not_found"
        )
    }

    /// The refusal of a conversation that has grown beyond what one request may hold.
    public static func tooLong(_ maxBytes: Int) -> Refusal {
        Refusal(
            .invalidRequest,
            "The stored conversation is too large: together with this request it may hold \(maxBytes) bytes.",
            param: "previous_response_id"
        )
    }

    /// One page of the items of a request.
    public static func page(of items: [UInt8], _ page: ItemPage) throws(Refusal) -> [UInt8] {
        let lookup = try ItemLookup(StoredItems(history: items), JSONLimits(depth: 512, values: .max))
        var list = page.isAscending ? lookup.history : lookup.history.reversed()
        if let after = page.after { list = Array(list[(try place(of: after, "after", in: list) + 1)...]) }
        if let before = page.before { list = Array(list[..<(try place(of: before, "before", in: list))]) }
        // A page that ends at `before` is the one next to it.
        let isBackwards = page.before != nil && page.after == nil
        let shown = isBackwards ? Array(list.suffix(page.limit)) : Array(list.prefix(page.limit))
        return write(shown, hasMore: shown.count < list.count)
    }

    private static func place(
        of id: String, _ name: String, in list: [JSONValue]
    ) throws(Refusal) -> Int {
        if let place = list.firstIndex(where: { $0["id"]?.text?.string == id }) { return place }
        throw Refusal(.invalidRequest, "\(name): Item with id '\(id.prefix(128))' not found.", param: name)
    }

    private static func write(_ items: [JSONValue], hasMore: Bool) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.raw("\"object\":\"list\"")
            writer.key("data")
            writer.beginArray()
            for item in items { writer.fragment(item.fragment) }
            writer.endArray()
            writer.member("first_id", items.first?["id"]?.text ?? "")
            writer.member("last_id", items.last?["id"]?.text ?? "")
            writer.member("has_more", hasMore)
        }
        return writer.bytes
    }
}

/// Which of the items to list.
public struct ItemPage: Sendable, Equatable {
    /// At most so many.
    public var limit = 20
    /// True when the oldest come first.
    public var isAscending = false
    /// Only those behind this one, in the order of the list.
    public var after: String?
    /// Only those in front of this one.
    public var before: String?

    /// The newest items.
    public init() {}

    /// Reads the parameters of a query; unknown ones are passed over.
    public init(_ parameters: [(name: String, value: String)]) throws(Refusal) {
        for (name, value) in parameters {
            switch name {
            case "limit":
                // Digits alone: `Int` would also take "+5".
                guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(value),
                    (1...100).contains(count)
                else {
                    throw Refusal(.invalidRequest, "limit: must be between 1 and 100", param: "limit")
                }
                limit = count
            case "order":
                guard value == "asc" || value == "desc" else {
                    throw Refusal(.invalidRequest, "order: must be one of: asc, desc", param: "order")
                }
                isAscending = value == "asc"
            case "after": after = value
            case "before": before = value
            default: break
            }
        }
    }
}
