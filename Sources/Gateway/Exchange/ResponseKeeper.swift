import Dialects
import Ledger
import Platform
import Server
import Vocabulary

/// What a turn has to do with the ledger: fetches what a Responses request refers to, and stores the answer.
struct ResponseKeeper {
    private let dialect: Dialect
    /// Nil when responses are not stored.
    private let store: ResponseStore?
    private let reader: Reader
    private let settings: ResponseSettings
    private let maxBytes: Int
    private let loop: EventLoop
    private let wakeup: Wakeup
    private var draft: ResponsesDraft?
    private var stored = StoredItems()

    init(_ turn: TurnRequest, waking wakeup: Wakeup) {
        let seat = turn.context.seat
        let configuration = turn.context.snapshot.configuration
        dialect = turn.dialect
        settings = configuration.responses
        store = settings.isStoring ? seat.site.ledger.responses : nil
        reader = Reader(owner: turn.principal.id.text, notBefore: settings.notBefore)
        maxBytes = configuration.limits.maxBodyBytes
        loop = seat.loop
        self.wakeup = wakeup
    }

    /// Decodes a request together with what it refers to.
    mutating func conversation(
        _ request: consuming RequestDraft, _ context: RequestContext
    ) async throws(TurnFailure) -> Conversation {
        guard dialect == .responses else {
            do throws(Refusal) { return try request.decode(context) } catch { throw .refusal(error) }
        }
        var context = context
        context.storesResponses = store != nil
        let bodyBytes = request.byteCount
        do throws(Refusal) {
            let draft = try ResponsesDraft(request, context: context)
            self.draft = draft
            if draft.previousResponseID != nil || !draft.referencedResponses.isEmpty {
                try await fetch(draft, bodyBytes)
            }
            let conversation = try draft.conversation(with: stored)
            // The conversation holds what it needs; a second copy would only fill memory for the length of the turn.
            if !draft.hasReferences { stored = StoredItems() }
            return conversation
        } catch {
            if let fault = lookupFault { throw .fault(fault) }
            throw .refusal(error)
        }
    }

    /// Why the ledger could not be asked; then what was thrown only ends the decoding.
    private var lookupFault: Fault?

    private mutating func fetch(_ draft: ResponsesDraft, _ bodyBytes: Int) async throws(Refusal) {
        let previous = draft.previousResponseID
        guard let store else {
            if let previous { throw StoredAnswers.unknownPrevious(previous) }
            return
        }
        // A conversation may be as long as a client could have sent it whole.
        let request = HistoryRequest(
            previous: previous, others: draft.referencedResponses, maxBytes: max(0, maxBytes - bodyBytes))
        let history: History
        do throws(LedgerFault) {
            history = try await LedgerWait.ask(on: loop, waking: wakeup) {
                store.history(request, for: reader, then: $0)
            }
        } catch {
            lookupFault = Fault(storing: error)
            throw Refusal(.internalError, "")
        }
        switch history {
        case .found(let items, let others): stored = StoredItems(history: items, others: others)
        case .unknown: throw StoredAnswers.unknownPrevious(previous ?? "")
        case .tooLarge: throw StoredAnswers.tooLong(maxBytes)
        }
    }

    /// Stores an answer; when this returns nil it is on the disk and may be sent.
    func keep(_ reply: StoredReply) async -> Fault? {
        guard let store, let draft else { return Fault(storing: .closed) }
        let response = NewResponse(
            id: reply.id, owner: reader.owner, parent: draft.previousResponseID, created: WallClock.unixSeconds,
            input: draft.items(for: reply, with: stored), output: reply.output, answer: reply.answer)
        do throws(LedgerFault) {
            try await LedgerWait<Void>.ask(on: loop, waking: wakeup) {
                store.store(response, within: settings.maxBytes, then: $0)
            }
            return nil
        } catch {
            return Fault(storing: error)
        }
    }
}

extension ResponseSettings {
    /// What was answered before this moment has expired, in Unix seconds.
    var notBefore: Int { WallClock.unixSeconds - keepDays * 86_400 }
}
