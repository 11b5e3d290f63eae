import Dialects
import Ledger
import Platform
import Server
import Vocabulary

/// What a turn has to do with the conversation that its request names: fetches what was said, and stores what is.
///
/// From its fetching to its storing a turn is alone in its conversation.
final class ConversationKeeper {
    private let turn: TurnRequest
    private let channel: any RequestChannel
    let id: String
    private let isNew: Bool
    private let owner: String
    private let settings: ConversationSettings
    private let maxBytes: Int
    private var place: ConversationQueue.Place?
    /// How many pieces are stored.
    private var length = 0
    private var model = ""
    private var named: NamedConversation?
    /// How many pieces are stored of what was kept, and how many were before; nil until something is.
    private var kept: (length: Int, before: Int)?
    private var answer: AnswerTurn?

    private var seat: Seat { turn.context.seat }
    private var store: ConversationStore { seat.site.ledger.conversations }

    init(_ turn: TurnRequest, _ name: ConversationName, asked channel: any RequestChannel) {
        self.turn = turn
        self.channel = channel
        id = name.id
        isNew = name.isNew
        owner = turn.principal.id.text
        let configuration = turn.context.snapshot.configuration
        settings = configuration.conversations
        maxBytes = configuration.limits.maxBodyBytes
    }

    deinit { place?.leave() }

    // MARK: - Before the turn

    /// Fetches the conversation for a request of that many bytes, which has entered it.
    func open(_ bodyBytes: Int) async throws(TurnFailure) -> ConversationJoin {
        // What has expired may still be there, and then gives way to what is begun.
        let reader = Reader(owner: owner, notBefore: 0)
        let finding: ConversationFinding
        do throws(LedgerFault) {
            finding = try await LedgerWait.ask(on: seat.loop, waking: channel.wakeup) { [id, maxBytes] in
                store.load(id, for: reader, maxBytes: maxBytes, then: $0)
            }
        } catch {
            throw .fault(Fault(keeping: error))
        }
        return ConversationJoin(
            id: id, stored: try read(finding), maxBytes: maxBytes, bodyBytes: bodyBytes, models: turn.context.snapshot.models)
    }

    private func read(_ finding: ConversationFinding) throws(TurnFailure) -> StoredConversation? {
        switch finding {
        case .found(let head, let pieces):
            length = head.length
            guard head.used >= settings.notBefore else { break }
            do throws(Refusal) { return try StoredConversation(pieces) } catch {
                throw .fault(Fault(.internalError, "The conversation cannot be read.", detail: error.message))
            }
        case .tooLarge: throw .refusal(.conversationTooLong(maxBytes))
        case .unknown: break
        }
        // Such a name is not the client's own: there was something, and its history must not be missing unsaid.
        if ConversationName.isOwn(id), !isNew { throw .refusal(.unknownConversation(id)) }
        return nil
    }

    /// Takes a place in the conversation for a request of that many bytes; false where another turn is in it.
    func enter(_ bodyBytes: Int) throws(TurnFailure) -> Bool {
        // What only counts tokens changes nothing.
        guard !turn.countsTokens else { return true }
        let wakeup = RemoteWakeup(channel.wakeup, on: seat.loop)
        let place = seat.site.conversations.enter(id, of: owner, bytes: bodyBytes, waking: wakeup)
        guard let place else { throw .refusal(.busy) }
        self.place = place
        return place.isFirst
    }

    /// Waits until no other turn is in the conversation; whoever does must keep nothing that others wait for.
    func wait() async throws(TurnFailure) {
        guard let place else { return }
        let alarm = Alarm(on: seat.loop, waking: channel.wakeup)
        defer { alarm.cancel() }
        alarm.deadline = seat.loop.now + .seconds(turn.context.snapshot.configuration.turns.waitSeconds)
        while !place.isFirst {
            if channel.isClientGone { throw .gone }
            if seat.phase == .ending { throw .fault(.goingDown) }
            if alarm.isDue { throw .refusal(.busy) }
            await channel.wakeup.wait()
        }
        // What else was signalled meanwhile is still to be heard.
        channel.wakeup.signal()
    }

    // MARK: - The answer

    /// An attempt to answer begins.
    func begin(_ conversation: Conversation) {
        named = conversation.named
        model = conversation.model
        answer = named.map { _ in AnswerTurn(to: conversation, in: turn.dialect) }
    }

    /// Takes an event of the answer, in the client's names, with the line that its slices refer to.
    func hear(_ event: ReplyEvent, of line: Span<UInt8>) { answer?.hear(event, of: line) }

    /// Stores what was asked and answered; when this returns nil it is on the disk and may be sent.
    func keep() async -> Fault? {
        guard !turn.countsTokens, let named, let answer else { return nil }
        var pieces = named.pieces
        for turn in answer.turns { pieces.append(StoredTurn.bytes(of: turn)) }
        do throws(LedgerFault) {
            var outcome = try await update(named, pieces, length: length)
            // What had expired is gone meanwhile, and nothing of it was to stay.
            if named.state == .begun, length > 0, outcome == .differs(length: 0) {
                outcome = try await update(named, pieces, length: 0)
            }
            if case .stored(let length) = outcome {
                kept = (length, named.keeping)
                return nil
            }
            return Fault(
                .conflict, "The conversation was deleted or changed while it was answered; nothing was stored.",
                detail: "another length is stored", shouldRetry: false)
        } catch {
            return Fault(keeping: error)
        }
    }

    /// Takes back what was kept of an answer whose end its client has not had: it asks again, and would find its question
    /// twice. What has taken the place of something else stays.
    func takeBack() async {
        guard let (length, before) = kept, let named else { return }
        kept = nil
        do throws(LedgerFault) {
            switch named.state {
            case .begun:
                let reader = Reader(owner: owner, notBefore: 0)
                _ = try await LedgerWait<Bool>.ask(on: seat.loop, waking: channel.wakeup) { [store, id] in
                    store.delete(id, for: reader, then: $0)
                }
            case .continued where before == self.length:
                let before = NamedConversation(id: id, state: .continued, keeping: before, pieces: [])
                _ = try await update(before, [], length: length)
            case .continued, .reset: break
            }
        } catch {
            seat.site.log.warning("an answer that broke off at its end stays in its conversation: \(error)")
        }
    }

    private func update(
        _ named: NamedConversation, _ pieces: [[UInt8]], length: Int
    ) async throws(LedgerFault) -> ConversationOutcome {
        let update = ConversationUpdate(
            owner: owner, id: id, model: model, length: length, keeping: named.keeping, contents: pieces)
        let (store, bounds) = (store, settings.bounds)
        return try await LedgerWait.ask(on: seat.loop, waking: channel.wakeup) {
            store.update(update, within: bounds, at: WallClock.unixSeconds, then: $0)
        }
    }

    /// Lets the next turn into the conversation.
    func close() {
        place?.leave()
        place = nil
        (named, answer) = (nil, nil)
    }
}

extension Refusal {
    /// Another turn is in the conversation and does not end.
    fileprivate static var busy: Refusal {
        Refusal(
            .conflict, "Another request is going on in this conversation. Send the next message when it is answered.",
            param: "conversation", code: "conversation_locked")
    }
}

extension Fault {
    /// The ledger failed: what is not stored is not called a success.
    init(keeping fault: LedgerFault) {
        switch fault {
        case .busy, .closed:
            self.init(
                .unavailable, "Conversations cannot be reached at the moment.", detail: fault.description,
                retryAfterSeconds: 2)
        case .full:
            self.init(
                .internalError, "The conversation could not be stored: there is no room for it.",
                detail: "it does not fit within CONVERSATIONS_MAX_BYTES or CONVERSATIONS_MAX_BYTES_PER_KEY",
                shouldRetry: false)
        case .failed, .unusable, .damaged, .parentGone:
            self.init(
                .internalError, "The conversation could not be stored or read.", detail: fault.description,
                shouldRetry: false)
        }
    }
}

extension ConversationSettings {
    /// What was last used before this moment has expired, in Unix seconds.
    var notBefore: Int { WallClock.unixSeconds - keepDays * 86_400 }

    /// How much conversations may take.
    var bounds: ConversationBounds { ConversationBounds(bytesOfOwner: maxBytesPerKey, bytesInAll: maxBytes) }
}
