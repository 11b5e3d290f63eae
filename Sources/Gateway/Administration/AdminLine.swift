import Vocabulary

/// Puts the lines of a socket together from what comes in pieces; none is longer than a bound.
struct AdminLine {
    static let end = UInt8(ascii: "\n")

    /// What there is so far.
    enum State: Equatable {
        /// The line is not complete.
        case partial
        /// A line, without its end.
        case whole([UInt8])
        /// More came than a line may be long: what follows cannot be trusted.
        case tooLong
    }

    private var pending: [UInt8] = []
    /// How much of `pending` holds no end.
    private var searched = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    mutating func append(_ bytes: some Collection<UInt8>) { pending.append(contentsOf: bytes) }

    /// The next line, which is then taken out.
    mutating func next() -> State {
        guard let end = pending[searched...].firstIndex(of: Self.end) else {
            searched = pending.count
            return pending.count > limit ? .tooLong : .partial
        }
        guard end <= limit else { return .tooLong }
        let line = Array(pending[..<end])
        pending.removeSubrange(...end)
        searched = 0
        return .whole(line)
    }

    // MARK: - JSON

    /// The object that a line spells.
    static func object(_ line: [UInt8]) -> JSONValue? {
        guard let document = try? JSONDocument(parsing: line, limits: JSONLimits(depth: 4)),
            document.root.kind == .object
        else { return nil }
        return document.root
    }

    /// The members of an object that are strings.
    static func strings(_ object: JSONValue?) -> [String: String] {
        var strings: [String: String] = [:]
        guard let object else { return strings }
        for (key, value) in object.members { strings[key.string] = value.text?.string }
        return strings
    }

    static func write(_ strings: [String: String], to json: inout JSONWriter) {
        json.beginObject()
        for (name, value) in strings.sorted(by: { $0.key < $1.key }) {
            json.key(JSONText(name))
            json.string(value)
        }
        json.endObject()
    }
}
