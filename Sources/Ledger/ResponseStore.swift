extension Ledger {
    /// Responses that were answered and can be found and continued.
    public var responses: ResponseStore { ResponseStore(self) }
}

/// Responses that were answered and can be found and continued, by their owners alone.
public struct ResponseStore: Sendable {
    private let ledger: Ledger

    init(_ ledger: Ledger) { self.ledger = ledger }

    /// Stores a response. `then` hears success when it is on the disk; where `maxBytes` are reached the conversations
    /// that nobody has continued for longest go.
    public func store(
        _ response: NewResponse, within maxBytes: Int, then: @escaping @Sendable (Result<Void, LedgerFault>) -> Void
    ) {
        ledger.write(
            { (database) throws(LedgerFault) in try ResponseWriter(database).store(response, within: maxBytes) },
            then: then)
    }

    /// Deletes a response. What others continue is kept for them alone and cannot be found any more. `then` hears false
    /// when the reader has no such response.
    public func delete(
        _ id: String, for reader: Reader, then: @escaping @Sendable (Result<Bool, LedgerFault>) -> Void
    ) {
        ledger.write(
            limit: Ledger.fewWaiting,
            { (database) throws(LedgerFault) in try ResponseWriter(database).delete(id, for: reader) }, then: then)
    }

    /// Begins to remove what has expired and what is beyond the bound: a few at a time, when there is nothing else to
    /// do. `then` hears nil when all of it has gone, or when a later call has taken over.
    public func tidy(notBefore: Int, within maxBytes: Int, then: @escaping @Sendable (LedgerFault?) -> Void) {
        ledger.tidy(
            "responses",
            { (database) throws(LedgerFault) in
                try ResponseWriter(database).tidy(notBefore: notBefore, within: maxBytes)
            }, then: then)
    }

    /// A part of a response. `then` hears nil when the reader has no such response.
    public func find(
        _ id: String, _ part: StoredPart, for reader: Reader,
        then: @escaping @Sendable (Result<[UInt8]?, LedgerFault>) -> Void
    ) {
        ledger.read(
            .lookup,
            { (database) throws(LedgerFault) in try ResponseReader(database).find(id, part, for: reader) }, then: then)
    }

    /// What a request refers to.
    public func history(
        _ request: HistoryRequest, for reader: Reader,
        then: @escaping @Sendable (Result<History, LedgerFault>) -> Void
    ) {
        ledger.read(
            .lookup,
            { (database) throws(LedgerFault) in try ResponseReader(database).history(request, for: reader) }, then: then)
    }
}
