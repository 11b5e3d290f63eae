/// Finds stored responses. Confined to the reading thread.
final class ResponseReader {
    private let database: Database
    private let answer: Statement
    private let input: Statement
    private let visible: Statement
    private let chain: Statement
    private let items: Statement

    init(path: String) throws(LedgerFault) {
        database = try Database(path: path)
        try database.run("PRAGMA query_only=ON; PRAGMA cache_size=-2048")
        answer = try database.prepare(
            "SELECT answer FROM answers WHERE number = ?1")
        input = try database.prepare(
            "SELECT input FROM items WHERE number = ?1")
        visible = try database.prepare(
            "SELECT number FROM responses WHERE id = ?1 AND owner = ?2 AND hidden = 0 AND created >= ?3")
        // Sorted by numbers alone and joined afterwards, so that no contents are moved while sorting: a response has
        // a greater number than the one that it continues.
        chain = try database.prepare(
            """
            WITH RECURSIVE chain (number, parent, depth) AS (
                SELECT number, parent, 1 FROM responses WHERE number = ?1
                UNION ALL
                SELECT earlier.number, earlier.parent, depth + 1 FROM chain
                    JOIN responses AS earlier ON earlier.number = chain.parent WHERE depth < ?3
            ), ordered AS MATERIALIZED (SELECT number FROM chain ORDER BY number)
            SELECT responses.owner = ?2, responses.parent, input, output FROM ordered
                JOIN responses ON responses.number = ordered.number
                JOIN items ON items.number = ordered.number ORDER BY ordered.number
            """)
        items = try database.prepare(
            "SELECT input, output FROM items WHERE number = ?1")
    }

    /// A part of one response; nil when the reader has no such response.
    func find(_ id: String, _ part: StoredPart, for reader: Reader) throws(LedgerFault) -> [UInt8]? {
        guard let number = try number(of: id, reader) else { return nil }
        let statement = part == .answer ? answer : input
        defer { statement.reset() }
        try statement.bind(1, number)
        return try statement.step() ? statement.bytes(0) : nil
    }

    /// What a request refers to.
    func history(_ request: HistoryRequest, for reader: Reader) throws(LedgerFault) -> History {
        // One moment for both queries, or what is deleted in between would be half there.
        try database.run("BEGIN")
        defer { try? database.run("ROLLBACK") }
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
            defer { items.reset() }
            try items.bind(1, number)
            guard try items.step() else { continue }
            append(items, 0, to: &others)
            append(items, 1, to: &others)
            if found.count + others.count > request.maxBytes { return .tooLarge }
        }
        return .found(items: found, others: others)
    }

    private enum Extent { case whole, broken, tooLarge }

    /// The items of a response and of all that it continues, oldest first.
    private func conversation(
        upTo number: Int, _ reader: Reader, _ maxBytes: Int, into items: inout [UInt8]
    ) throws(LedgerFault) -> Extent {
        defer { chain.reset() }
        try chain.bind(1, number)
        try chain.bind(2, reader.owner)
        try chain.bind(3, Self.maxDepth)
        var isFirst = true
        while try chain.step() {
            guard chain.integer(0) == 1 else { return .broken }
            // A conversation without its beginning would be another conversation.
            if isFirst, !chain.isNull(1) { return .tooLarge }
            isFirst = false
            append(chain, 2, to: &items)
            append(chain, 3, to: &items)
            if items.count > maxBytes { return .tooLarge }
        }
        return isFirst ? .broken : .whole
    }

    /// How many responses one conversation may have.
    private static let maxDepth = 10_000

    private func append(_ statement: Statement, _ column: Int32, to items: inout [UInt8]) {
        let start = items.count
        if start > 0 { items.append(UInt8(ascii: ",")) }
        let content = items.count
        statement.append(column, to: &items)
        if items.count == content { items.removeSubrange(start...) }
    }

    private func number(of id: String, _ reader: Reader) throws(LedgerFault) -> Int? {
        defer { visible.reset() }
        try visible.bind(1, id)
        try visible.bind(2, reader.owner)
        try visible.bind(3, reader.notBefore)
        return try visible.step() ? visible.integer(0) : nil
    }
}
