/// A checked JSON text with an index of its values: nothing is copied until somebody asks for it.
///
/// Costs 16 bytes a value beside the text itself. The text is complete, valid RFC 8259 and UTF-8.
public final class JSONDocument: Sendable {
    /// The text.
    public let bytes: [UInt8]
    fileprivate let nodes: [Node]

    /// One value or key, in document order.
    fileprivate struct Node {
        var start: UInt32
        var end: UInt32
        /// The index behind the value's last descendant.
        var next: UInt32
        var kind: JSONReader.Kind
        var hasEscapes: Bool
    }

    /// Checks and indexes `bytes`; a text beyond 4 GiB or `limits` is an error.
    public init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        guard bytes.count < UInt32.max else { throw JSONError(.tooManyValues, at: 0) }
        do { _ = try UTF8Span(validating: bytes.span) } catch {
            throw JSONError(.encoding, at: error.byteOffsets.lowerBound)
        }
        var reader = JSONReader(bytes.span, maxDepth: limits.depth)
        var nodes: [Node] = []
        try Self.index(&reader, into: &nodes, limit: limits.values)
        try reader.end()
        self.bytes = bytes
        self.nodes = nodes
    }

    /// The outermost value.
    public var root: JSONValue { JSONValue(document: self, index: 0) }

    private static func index(
        _ reader: inout JSONReader, into nodes: inout [Node], limit: Int
    ) throws(JSONError) {
        guard nodes.count < limit else { throw JSONError(.tooManyValues, at: reader.offset) }
        let kind = try reader.peek()
        let here = nodes.count
        nodes.append(
            Node(start: UInt32(reader.offset), end: 0, next: 0, kind: kind, hasEscapes: false))
        var slice = JSONSlice(start: reader.offset, end: 0, hasEscapes: false)
        switch kind {
        case .string: slice = try reader.string()
        case .number: slice = try reader.number()
        case .bool: _ = try reader.bool()
        case .null: try reader.null()
        case .object:
            try reader.enterObject()
            while let key = try reader.key() {
                nodes.append(
                    Node(
                        start: UInt32(key.start), end: UInt32(key.end), next: UInt32(nodes.count + 1),
                        kind: .string, hasEscapes: key.hasEscapes))
                try index(&reader, into: &nodes, limit: limit)
            }
        case .array:
            try reader.enterArray()
            while try reader.element() { try index(&reader, into: &nodes, limit: limit) }
        }
        nodes[here].start = UInt32(slice.start)
        nodes[here].end = UInt32(kind == .string ? slice.end : reader.offset)
        nodes[here].hasEscapes = slice.hasEscapes
        nodes[here].next = UInt32(nodes.count)
    }

    fileprivate func node(_ index: Int) -> Node { nodes[index] }
}

/// One value of a document.
public struct JSONValue: Sendable {
    private let document: JSONDocument
    private let index: Int

    fileprivate init(document: JSONDocument, index: Int) {
        self.document = document
        self.index = index
    }

    private var node: JSONDocument.Node { document.node(index) }

    /// What kind of value it is.
    public var kind: JSONReader.Kind { node.kind }

    /// True for `null`.
    public var isNull: Bool { node.kind == .null }

    /// The value of a key of an object; the last one where the key is repeated, nil where there is none.
    public subscript(key: StaticString) -> JSONValue? {
        guard kind == .object else { return nil }
        var found: JSONValue?
        for member in members where member.key.matches(key) { found = member.value }
        return found
    }

    /// The elements of an array; of anything else none.
    public var elements: Elements {
        Elements(document: document, index: index + 1, end: kind == .array ? Int(node.next) : 0)
    }

    /// The members of an object in their order; of anything else none.
    public var members: Members {
        Members(document: document, index: index + 1, end: kind == .object ? Int(node.next) : 0)
    }

    /// The text of a string, shared with the document; nil for other kinds.
    public var text: JSONText? {
        guard kind == .string else { return nil }
        return JSONText(
            escaped: document.bytes[Int(node.start)..<Int(node.end)], hasEscapes: node.hasEscapes)
    }

    /// The value's own text, shared with the document.
    public var fragment: JSONFragment {
        let quote = kind == .string ? 1 : 0
        return JSONFragment(validated: document.bytes[Int(node.start) - quote..<Int(node.end) + quote])
    }

    /// A whole number that fits 64 bits; nil for everything else.
    public var integer: Int? {
        guard kind == .number else { return nil }
        let digits = fragment.bytes
        return JSONEscapes.integer(digits.span)
    }

    /// A number; nil for other kinds.
    public var double: Double? {
        guard kind == .number else { return nil }
        return Double(String(decoding: fragment.bytes, as: UTF8.self))
    }

    /// True or false; nil for other kinds.
    public var bool: Bool? {
        guard kind == .bool else { return nil }
        return document.bytes[Int(node.start)] == UInt8(ascii: "t")
    }

    /// Where in the document it stands, as `messages[2].content[0].text`; the root's is empty.
    ///
    /// Found by walking down from the root: paid for only by whoever is refused.
    public var path: String {
        var path = ""
        var at = 0
        while at != index {
            let parent = JSONValue(document: document, index: at)
            let isHere = { (value: JSONValue) in value.index <= index && index < Int(value.node.next) }
            if parent.kind == .object, let member = parent.members.first(where: { isHere($0.value) }) {
                path += (path.isEmpty ? "" : ".") + member.key.string
                at = member.value.index
            } else if let (position, value) = parent.elements.enumerated().first(where: { isHere($1) }) {
                path += "[\(position)]"
                at = value.index
            } else {
                break
            }
        }
        return path
    }

    /// The elements of an array.
    public struct Elements: Sequence, IteratorProtocol {
        fileprivate let document: JSONDocument
        fileprivate var index: Int
        fileprivate let end: Int

        /// The next element.
        public mutating func next() -> JSONValue? {
            guard index < end else { return nil }
            defer { index = Int(document.node(index).next) }
            return JSONValue(document: document, index: index)
        }
    }

    /// The members of an object.
    public struct Members: Sequence, IteratorProtocol {
        fileprivate let document: JSONDocument
        fileprivate var index: Int
        fileprivate let end: Int

        /// The next member.
        public mutating func next() -> (key: JSONText, value: JSONValue)? {
            guard index < end,
                let key = JSONValue(document: document, index: index).text
            else { return nil }
            let value = JSONValue(document: document, index: index + 1)
            index = Int(document.node(index + 1).next)
            return (key, value)
        }
    }
}

extension JSONText {
    /// True when it spells exactly this literal.
    public func matches(_ literal: StaticString) -> Bool {
        guard !hasEscapes else { return string == literal.description }
        return JSONSlice(start: 0, end: escaped.count, hasEscapes: false).matches(literal, in: escaped.span)
    }
}
