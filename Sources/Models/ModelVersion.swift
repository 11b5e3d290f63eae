/// The lines in which the vendor's models come.
public enum ModelFamily: String, Sendable, CaseIterable {
    case fable, mythos, opus, sonnet, haiku
}

/// What the name of one of the vendor's models says: its family and its version.
///
/// Names are `claude-sonnet-5-5`, `claude-3-5-haiku-20241022`, or what cloud providers make of them:
/// `eu.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-opus-4-1@20250805`. `[1m]` may follow.
public struct ModelVersion: Sendable, Equatable {
    /// The family; nil for one that is not known.
    public let family: ModelFamily?
    /// The first number of the version, 5 of 5.1.
    public let major: Int
    /// The second number of the version, 1 of 5.1.
    public let minor: Int

    init(_ family: ModelFamily?, _ major: Int, _ minor: Int) {
        (self.family, self.major, self.minor) = (family, major, minor)
    }

    /// The version that a name tells; nil for names that are not the vendor's.
    public init?(name: String) {
        guard let start = Self.end(of: "claude-", in: name) else { return nil }
        let stem = name[start...].prefix { $0 != ":" && $0 != "@" && $0 != "[" }
        var family: ModelFamily?
        var numbers: [Int] = []
        for part in stem.lowercased().split(whereSeparator: { $0 == "-" || $0 == "." }) {
            if let known = ModelFamily(rawValue: String(part)) {
                family = known
            } else if part.utf8.count <= 2, let number = Int(part) {
                numbers.append(number)
            }
        }
        self.init(family, numbers.first ?? .max, numbers.dropFirst().first ?? 0)
    }

    private static func end(of prefix: String, in name: String) -> String.Index? {
        var rest = name[...]
        while true {
            if rest.lowercased().hasPrefix(prefix) { return rest.index(rest.startIndex, offsetBy: prefix.count) }
            guard let separator = rest.firstIndex(where: { ".:/".contains($0) }) else { return nil }
            rest = rest[rest.index(after: separator)...]
        }
    }

    /// True when this one came out before the other.
    func isOlder(than other: ModelVersion) -> Bool { (major, minor) < (other.major, other.minor) }
}
