import Dialects
import HTTP
import Models
import Vocabulary

/// What a key may ask for, beside how much.
struct KeyGrants {
    let options: KeyOptions

    /// Refuses a dialect that the key may not speak.
    func check(_ dialect: Dialect) throws(Refusal) {
        guard let allowed = options.dialects else { return }
        let word =
            switch dialect {
            case .anthropic: "messages"
            case .chatCompletions: "chat"
            case .responses: "responses"
            case .agentRun: "run"
            }
        if !allowed.contains(word) {
            throw Refusal(.forbidden, "This key may not use this endpoint; it may use: \(allowed.joined(separator: ", ")).")
        }
    }

    /// True for a model that the key may use: `asked` is what the client wrote, `target` what the CLI is given.
    func allows(model asked: String, target: String) -> Bool {
        guard let allowed = options.models, ![options.taskModel, options.defaultModel].contains(asked) else { return true }
        return allowed.contains { name in
            guard name.hasSuffix("*") else { return name == asked || name == target }
            return asked.hasPrefix(name.dropLast()) || target.hasPrefix(name.dropLast())
        }
    }

    /// Refuses a model that the key may not use. A name that belongs to no model is refused alike by whoever asks first.
    func check(model asked: String, target: String) throws(Refusal) {
        guard !allows(model: asked, target: target) else { return }
        throw Refusal(.forbidden, "This key may not use the model '\(asked)'.", param: "model", code: "model_not_allowed")
    }

    /// Refuses a body that is larger than the key's may be.
    func check(bodyBytes count: Int) throws(Refusal) {
        guard let most = options.bodyBytes, count > most else { return }
        throw Refusal(.tooLarge, "The request body is larger than the \(most) bytes that this key may send.")
    }

    /// Lowers an effort that is higher than the key's may be.
    func lowerEffort(of conversation: inout Conversation) {
        guard let most = options.effort, let asked = conversation.effort, asked > most else { return }
        conversation.effort = most
        conversation.ignored.append(conversation.fields.effort ?? "effort")
    }

    /// The model of a background task of a chat app, where the key presets one.
    func model(for asked: String, isTask: Bool) -> String {
        isTask ? options.taskModel ?? asked : asked
    }

    /// The key's default model, where a request asks for the default one.
    func defaultModel(for asked: String, of models: ModelCatalog) -> String? {
        !asked.isEmpty && models.isDefault(asked) ? options.defaultModel : nil
    }
}

extension Fields {
    /// True where a chat app says that it asks for a title, tags or the like, and not for its user.
    var isBackgroundTask: Bool { self[.openWebUITask]?.isEmpty == false }
}
