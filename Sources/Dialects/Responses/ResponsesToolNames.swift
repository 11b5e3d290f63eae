import Vocabulary

/// The names under which the model sees a client's tools: of the characters that all vendors take, at most 64 of them,
/// and each for one tool alone.
struct ResponsesToolNames {
    private var taken: Set<String> = []
    /// The next number behind a name that several tools would have; counted on, not anew each time.
    private var numbers: [String: Int] = [:]

    /// Takes a name for the client's tool of that key; what the tool is called instead where the name is taken.
    mutating func take(_ name: String, for key: String) -> String? {
        if taken.insert(name).inserted { return nil }
        // The same in each request, whatever else is offered.
        let base = Self.marked(name, key)
        var free = base
        var number = numbers[base] ?? 2
        while !taken.insert(free).inserted {
            free = "\(base.prefix(Self.mostBytes - 7))_\(number)"
            number += 1
        }
        numbers[base] = number
        return free
    }

    /// The one name that a namespace and a name within it come to.
    static func joined(_ namespace: String, _ name: String) -> String {
        let whole = isBare(namespace) ? clean(name) : prefix(of: namespace) + clean(name)
        return whole.utf8.count <= mostBytes ? whole : marked(whole, namespace + "\u{0}" + name)
    }

    /// What the names of a namespace's tools begin with.
    static func prefix(of namespace: String) -> String {
        let name = clean(namespace)
        return name.hasSuffix("__") ? name : name + "__"
    }

    /// True for the namespace whose tools keep their names: it is the root of all that the client offers.
    static func isBare(_ namespace: String) -> Bool { namespace == "functions" }

    private static let mostBytes = 64

    /// A name cut so that a mark of what it stands for fits behind it.
    private static func marked(_ name: String, _ key: String) -> String {
        let mark = String(checksum(of: key), radix: 16)
        return name.prefix(mostBytes - 1 - mark.utf8.count) + "_" + mark
    }

    private static func clean(_ name: String) -> String {
        String(decoding: name.utf8.map { $0.isNameByte ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    }

    /// FNV-1a of 32 bits: names only have to differ, nobody has to be kept from finding two that do not.
    private static func checksum(of text: String) -> UInt32 {
        text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}
