/// Finds stored responses.
struct ResponseReader {
    private let database: Database

    init(_ database: Database) { self.database = database }

    /// A part of one response; nil when the reader has no such response.
    func find(_ id: String, _ part: StoredPart, for reader: Reader) throws(LedgerFault) -> [UInt8]? {
        guard let number = try number(of: id, reader) else { return nil }
        switch part {
        case .answer: return try database.first("SELECT answer FROM answers WHERE number = ?1", number) { $0.bytes(0) }
        case .input: return try database.first("SELECT input FROM items WHERE number = ?1", number) { $0.bytes(0) }
        }
    }

    /// What a request refers to.
    func history(_ request: HistoryRequest, for reader: Reader) throws(LedgerFault) -> History {
        var (found, others): ([UInt8], [UInt8]) = ([], [])
        if let previous = request.previous {
            guard let number = try number(of: previous, reader) else { return .unknown }
            switch try conversation(upTo: number, reader, request.maxBytes, into: &found) {
            case .whole: break
            case .broken: return .unknown
            case .tooLarge: return .tooLarge
            }
        }
        for id in request.others {
            guard let number = try number(of: id, reader) else { continue }
            _ = try database.first("SELECT input, output FROM items WHERE number = ?1", number) { row in
                Self.append(row, 0, to: &others)
                Self.append(row, 1, to: &others)
            }
            if found.count + others.count > request.maxBytes { return .tooLarge }
        }
        return .found(items: found, others: others)
    }

    private enum Extent { case whole, broken, tooLarge }

    /// The items of a response and of all that it continues, oldest first.
    private func conversation(
        upTo number: Int, _ reader: Reader, _ maxBytes: Int, into items: inout [UInt8]
    ) throws(LedgerFault) -> Extent {
        let chain = try database.statement(Self.chain)
        try chain.begin(with: [number, reader.owner, Self.maxDepth])
        defer { chain.reset() }
        var isFirst = true
        while try chain.step() {
            guard chain.integer(0) == 1 else { return .broken }
            // A conversation without its beginning would be another conversation.
            if isFirst, !chain.isNull(1) { return .tooLarge }
            isFirst = false
            Self.append(chain, 2, to: &items)
            Self.append(chain, 3, to: &items)
            if items.count > maxBytes { return .tooLarge }
        }
        return isFirst ? .broken : .whole
    }

    // Sorted by numbers alone and joined afterwards, so that no contents are moved while sorting: a response has a
    // greater number than the one that it continues.
    private static let chain: StaticString = """
        WITH RECURSIVE chain (number, parent, depth) AS (
            SELECT number, parent, 1 FROM responses WHERE number = ?1
            UNION ALL
            SELECT earlier.number, earlier.parent, depth + 1 FROM chain
                JOIN responses AS earlier ON earlier.number = chain.parent WHERE depth < ?3
        ), ordered AS MATERIALIZED (SELECT number FROM chain ORDER BY number)
        SELECT responses.owner = ?2, responses.parent, input, output FROM ordered
            JOIN responses ON responses.number = ordered.number
            JOIN items ON items.number = ordered.number ORDER BY ordered.number
        """

    /// How many responses one conversation may have.
    private static let maxDepth = 10_000

    private static func append(_ row: Statement, _ column: Int32, to items: inout [UInt8]) {
        let start = items.count
        if start > 0 { items.append(UInt8(ascii: ",")) }
        let content = items.count
        row.append(column, to: &items)
        if items.count == content { items.removeSubrange(start...) }
    }

    private func number(of id: String, _ reader: Reader) throws(LedgerFault) -> Int? {
        try database.first(
            "SELECT number FROM responses WHERE id = ?1 AND owner = ?2 AND hidden = 0 AND created >= ?3",
            id, reader.owner, reader.notBefore
        ) { $0.integer(0) }
    }
}
