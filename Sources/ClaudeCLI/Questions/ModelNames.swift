import Vocabulary

/// What the CLI's names of models stand for, as it tells itself (`list_models`): `sonnet` is some full name.
///
/// Bounded: whoever made the list, it is kept and compared.
public struct ModelNames: Sendable, Equatable {
    /// The full name for each short one.
    public private(set) var resolved: [String: String] = [:]

    private static let maxEntries = 64
    private static let maxBytes = 128

    /// No names known.
    public init() {}

    /// Notes what a name stands for; false, and nothing noted, where either is no name or there are too many.
    @discardableResult
    public mutating func note(_ name: String, means model: String) -> Bool {
        guard Self.isName(name), Self.isName(model), resolved.count < Self.maxEntries, resolved[name] == nil else {
            return false
        }
        resolved[name] = model
        return true
    }

    /// Reads what the CLI printed when it was asked; no names where it does not tell.
    ///
    /// `default` is left out: it depends on the account, and none is shown to a CLI that is asked. So are full names,
    /// which stand for themselves.
    init(parsing output: [UInt8]) {
        for line in output.split(separator: UInt8(ascii: "\n")) {
            let limits = JSONLimits(depth: 16, values: 10_000)
            guard let root = try? JSONDocument(parsing: Array(line), limits: limits).root,
                let models = root["response"]?["response"]?["models"]
            else { continue }
            for model in models.elements {
                guard let name = model["value"]?.text?.string, let full = model["resolvedModel"]?.text?.string,
                    name != "default", name != full
                else { continue }
                note(name, means: full)
            }
            return
        }
    }

    /// Printable ASCII without blanks.
    private static func isName(_ text: String) -> Bool {
        (1...maxBytes).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
