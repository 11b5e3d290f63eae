import Dialects
import HTTP
import Vocabulary

/// The conversation that a request names: by a header field, behind its model's name, or in its body.
struct ConversationName {
    /// What its owner calls it.
    let id: String
    /// The model, where the request's word for it names the conversation too.
    let model: String?
    /// True where it was made for this request.
    var isNew = false

    /// A name of the gateway's own for a session that begins.
    init(newSession id: String) {
        (self.id, model) = (id, nil)
        isNew = true
    }

    /// Nil for a request that names none. `field` is what its header says.
    init?(of draft: RequestDraft, field: String?, models: ModelCatalog, isKeeping: Bool) throws(Refusal) {
        guard isKeeping else {
            guard field == nil else { throw .noConversations }
            return nil
        }
        let behind = draft.model.flatMap(models.conversation(in:))
        var names: [String] = []
        for name in [field, try draft.conversationID(), behind?.id] {
            guard let name, !names.contains(name) else { continue }
            names.append(name)
        }
        // Other services sort requests by such an id: it is a name where it can be one and nothing else is.
        if names.isEmpty, let session = draft.sessionID, Self.isValid(session) { names = [session] }
        guard let id = names.first else { return nil }
        guard names.count == 1 else {
            throw Refusal(.invalidRequest, "The request names two conversations.", param: "conversation")
        }
        guard Self.isValid(id) else {
            throw .badConversationID(param: draft.dialect == .agentRun ? "sessionId" : "conversation")
        }
        guard !draft.namesResponse else {
            throw Refusal(
                .invalidRequest, "previous_response_id: cannot be given together with a conversation",
                param: "previous_response_id", code: "mutually_exclusive_parameters")
        }
        self.id = id
        model = behind?.model
    }

    /// Reads the header field; nil where there is none, and where it says nothing.
    static func field(_ fields: Fields) throws(Refusal) -> String? {
        var name: String?
        for value in fields.values(of: .conversationID) where !value.isEmpty {
            let text = String(decoding: value, as: UTF8.self)
            guard isValid(text), name == nil || name == text else {
                throw .badConversationID(param: "\(FieldName.conversationID)")
            }
            name = text
        }
        return name
    }

    /// 1 to 128 printable ASCII characters without blanks at the ends.
    static func isValid(_ id: String) -> Bool {
        let bytes = id.utf8
        return (1...128).contains(bytes.count) && bytes.first != 0x20 && bytes.last != 0x20
            && bytes.allSatisfy { (0x20...0x7E).contains($0) }
    }

    /// What a name begins with that the gateway itself has given: to a conversation, and to the session of a run.
    static let ownPrefix = "conv_"
    static let sessionPrefix = "run_"

    /// True for a name that the gateway has given, and of which there is something unless it was deleted.
    static func isOwn(_ id: String) -> Bool { id.hasPrefix(ownPrefix) || id.hasPrefix(sessionPrefix) }
}

extension Refusal {
    fileprivate static func badConversationID(param: String) -> Refusal {
        Refusal(
            .invalidRequest,
            "\(param): the name of a conversation is 1 to 128 printable ASCII characters without blanks at its ends",
            param: param)
    }

    /// Doing without the history would be another answer.
    static var noConversations: Refusal {
        Refusal(
            .invalidRequest,
            "Conversations are not kept here (CONVERSATIONS=false); send the whole conversation, without "
                + "\(FieldName.conversationID).", param: "\(FieldName.conversationID)")
    }

    /// The caller has no such conversation.
    static func unknownConversation(_ id: String) -> Refusal {
        Refusal(.notFound, "Conversation with id '\(id.prefix(128))' not found.", param: "conversation")
    }
}
