import Models
import Vocabulary

/// Which names of models are understood, and what the CLI is given for them.
///
/// The CLI's own aliases and full `claude-` names go to it as they are, never collapsed to a family. The
/// prefixes that routers put in front are taken away. All other names need an alias of the operator's.
struct ModelCatalog: Sendable {
    /// A model as `GET /v1/models` tells of it.
    struct Entry: Sendable, Equatable {
        /// What requests write.
        var id: String
        /// What people read.
        var displayName: String
        /// When the model, or the first of its family, came out; Unix seconds.
        var created: Int
        /// What the CLI is given for it.
        var target: String
    }

    /// What routers put in front of a name.
    static let prefixes = ["claude-code-cli/", "openai/", "anthropic/"]

    /// What asks for the CLI with its own tools, whatever model it uses.
    static let agentName = "claude-code"

    /// The model of requests that name none.
    let defaultModel: String?
    private let aliases: [ModelAlias]
    private let hasAgent: Bool

    /// The catalog of a configuration, in which the CLI's own tools may be asked for where it `hasAgent`.
    init(_ settings: ModelSettings, hasAgent: Bool = false) {
        defaultModel = settings.defaultModel
        aliases = settings.aliases
        self.hasAgent = hasAgent
    }

    /// True for a name that asks for the CLI's own tools.
    func isAgent(_ name: String) -> Bool { hasAgent && bare(name) == Self.agentName }

    /// True for a name that asks for the default model.
    func isDefault(_ name: String) -> Bool { bare(name) == Self.defaultName }

    private static let defaultName = "default"

    /// A name without the prefixes of routers; of an alias what it leads to.
    private func bare(_ name: String) -> String { alias(name) ?? Self.withoutPrefixes(name) }

    private func alias(_ name: String) -> String? {
        let bare = Self.withoutPrefixes(name)
        return (aliases.first { $0.name == name } ?? aliases.first { $0.name == bare })?.target
    }

    /// The name for the CLI; a refusal `.modelNotFound` where there is none.
    func resolve(_ name: String) throws(Refusal) -> String {
        guard ModelName.isValid(name) || name.isEmpty else {
            throw Refusal(
                .invalidRequest, "The model must be 1 to \(ModelName.maxBytes) printable ASCII characters.",
                param: "model")
        }
        if name.isEmpty, defaultModel == nil {
            throw Refusal(.invalidRequest, "The model is missing.", param: "model")
        }
        guard let target = target(of: name) else {
            throw Refusal(
                .modelNotFound, "The model '\(name)' does not exist or you do not have access to it.",
                param: "model", code: "model_not_found")
        }
        return target
    }

    /// What the CLI is given for a name; nil for unknown ones.
    func target(of name: String) -> String? {
        let bare = bare(name)
        if name.isEmpty || isDefault(bare) || isAgent(bare) {
            guard let defaultModel, !self.bare(defaultModel).isEmpty else { return name.isEmpty ? nil : Self.defaultName }
            // One that is itself called so, or as the agent is, would ask for itself for ever.
            if isDefault(defaultModel) || isAgent(defaultModel) { return Self.defaultName }
            return target(of: defaultModel)
        }
        if bare != Self.agentName, alias(name) != nil { return bare }
        // The CLI would take it for a model's name, and so what names a conversation behind it.
        let isOfAgent = bare == Self.agentName || bare.hasPrefix(Self.agentName + ":")
        return !isOfAgent && ModelName.isKnownToCLI(bare) ? bare : nil
    }

    /// The model and the conversation that a name like `sonnet:plans` stands for; nil where the whole of it names a
    /// model, or none of it does. Some clients write `:latest` behind every name, and mean no conversation by it.
    func conversation(in name: String) -> (model: String, id: String)? {
        guard name.utf8.contains(UInt8(ascii: ":")), target(of: name) == nil else { return nil }
        for index in name.indices.reversed() where name[index] == ":" {
            let (model, id) = (String(name[..<index]), String(name[name.index(after: index)...]))
            guard !model.isEmpty, !id.isEmpty, target(of: model) != nil else { continue }
            return id == "latest" ? nil : (model, id)
        }
        return nil
    }

    /// All that `GET /v1/models` lists; the default model, if any, is first, and every id can be asked for.
    var entries: [Entry] { entries(first: nil) }

    /// The same for a key with a default model of its own.
    func entries(first: String?) -> [Entry] {
        var names = [first, defaultModel].compactMap(\.self)
        names += Self.builtIn.map(\.id) + (hasAgent ? [Self.agentName] : []) + aliases.map(\.name)
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }.compactMap { entry(for: $0) }
    }

    /// What `GET /v1/models/{id}` tells of any name that can be asked for; nil for others.
    func entry(for name: String) -> Entry? {
        guard ModelName.isValid(name), let target = target(of: name) else { return nil }
        if let known = Self.builtIn.first(where: { $0.id == name }) { return known }
        let base = Self.builtIn.first { $0.id == target }
        return Entry(
            id: name, displayName: base.map { "\(name) (\($0.displayName))" } ?? name,
            created: base?.created ?? Self.firstCreated, target: target)
    }

    private static func withoutPrefixes(_ name: String) -> String {
        var name = name[...]
        while let prefix = prefixes.first(where: { name.hasPrefix($0) }) {
            name = name.dropFirst(prefix.count)
        }
        return String(name)
    }
}

extension ModelCatalog {
    /// 14 March 2023, when the first model of the name came out: the date of models we know nothing of.
    private static let firstCreated = 1_678_752_000
    /// 1 November 2026: the models the CLI knew then.
    private static let currentCreated = 1_793_491_200

    /// The CLI's aliases and the full names they stood for when this was written.
    private static let builtIn: [Entry] = [
        ("sonnet", "Claude Sonnet (latest)"), ("opus", "Claude Opus (latest)"),
        ("haiku", "Claude Haiku (latest)"), ("fable", "Claude Fable (latest)"),
        ("best", "The most capable Claude"), ("opusplan", "Claude Opus to plan, Sonnet to act"),
        ("default", "The default Claude"),
    ].map { Entry(id: $0.0, displayName: $0.1, created: currentCreated, target: $0.0) }
        + [.sonnet, .opus, .haiku, .fable].compactMap { ModelTraits.youngest(of: $0) }
            .map { Entry(id: $0.id, displayName: $0.displayName, created: currentCreated, target: $0.id) }
}

/// The grammar of model names.
enum ModelName {
    static let maxBytes = 128
    /// Asks for the window of a million tokens.
    static let longContext = "[1m]"
    static let cliAliases: Set<String> = ["sonnet", "opus", "haiku", "fable", "best", "default", "opusplan"]

    /// 1 to 128 printable ASCII characters without blanks.
    static func isValid(_ text: String) -> Bool {
        (1...maxBytes).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    /// The name without blanks around it; nil when it is none.
    static func trimmed(_ text: Substring) -> String? {
        let name = String(AssignmentLine.trim(text))
        return isValid(name) ? name : nil
    }

    /// True for what cloud providers call a model: Bedrock's identifiers and ARNs; Vertex has full names.
    static func isCloudName(_ name: String) -> Bool {
        name.hasPrefix("arn:") || name.hasPrefix("anthropic.") || name.contains(".anthropic.")
    }

    /// The alias that somebody meant who wrote another; nil when none is near.
    static func nearest(to name: String, and others: [String] = []) -> String? {
        let aliases = cliAliases.sorted().filter { $0 != "default" }
        if let alias = aliases.first(where: { $0 == name.lowercased() }) { return alias }
        return Suggestion.nearest(to: name.lowercased(), among: aliases + others)
    }

    /// True for the CLI's aliases and for full names, each also with `[1m]`.
    static func isKnownToCLI(_ name: String) -> Bool {
        let base = name.hasSuffix(longContext) ? String(name.dropLast(longContext.count)) : name
        if cliAliases.contains(base) { return base != "default" || base == name }
        let rest = base.utf8.dropFirst("claude-".utf8.count)
        return base.hasPrefix("claude-") && !rest.isEmpty
            && rest.allSatisfy { Base62.isDigit($0) || [0x2D, 0x2E, 0x3A, 0x40, 0x5F].contains($0) }
    }
}

extension ModelSettings {
    /// What is wrong with the targets of aliases, which the CLI is given as they are, and what is only odd.
    ///
    /// Where the CLI asks somebody else than the vendor (`hasOtherModels`), any name may be one.
    func problems(hasOtherModels: Bool) -> (faults: [ConfigurationFault], warnings: [String]) {
        var (faults, warnings): ([ConfigurationFault], [String]) = ([], [])
        for alias in aliases where !ModelName.isKnownToCLI(alias.target) && !ModelName.isCloudName(alias.target) {
            let place = "MODEL_ALIASES"
            let meant = ModelName.nearest(to: alias.target)
            let text = "\(quoted(alias.name)) leads to \(quoted(alias.target))"
            if let other = aliases.first(where: { $0.name == alias.target }) {
                let isModel = ModelName.isKnownToCLI(other.target)
                let advice = isModel ? "write \(alias.name)=\(other.target)" : "name a model"
                faults.append(ConfigurationFault(place, "\(text), which is an alias itself; \(advice)"))
            } else if !hasOtherModels {
                let advice = meant.map { "did you mean \($0)?" } ?? "write an alias of the CLI or a full claude- name"
                faults.append(ConfigurationFault(place, "\(text), which is no model; \(advice)"))
            } else if let meant {
                warnings.append("\(place): \(text); did you mean \(meant)?")
            }
        }
        return (faults, warnings)
    }
}
