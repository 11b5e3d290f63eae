import Vocabulary

/// `portcullis key …`: what was asked for, and how its answer is told.
struct KeyCommand: Sendable, Equatable {
    var request: AdminRequest
    /// True where the answer is JSON.
    var isJSON = false
    /// Where to find the service: options of `serve`.
    var options: [String] = []

    /// How each is written.
    static let forms: [(verb: AdminRequest.Verb, word: String, arguments: String)] = [
        (.keyAdd, "add", "NAME [option=value …]"), (.keyList, "list", "[--json]"), (.keyShow, "show", "NAME [--json]"),
        (.keySet, "set", "NAME option=value …"), (.keyRotate, "rotate", "NAME [overlap=24h]"),
        (.keyDisable, "disable", "NAME"), (.keyEnable, "enable", "NAME"), (.keyRemove, "remove", "NAME"),
    ]

    /// Parses what stands behind `key`: words first, then options.
    init(_ arguments: [String]) throws(ConfigurationFault) {
        var words = arguments.prefix { !$0.hasPrefix("-") }
        var options = Array(arguments.dropFirst(words.count))
        guard let word = words.popFirst(), let form = Self.forms.first(where: { $0.word == word }) else {
            // What is no word is not repeated: it may be a key.
            let isWord = arguments.first.map { $0.utf8.count <= 16 && $0.allSatisfy { $0.isLetter || $0 == "-" } } ?? false
            let given = isWord ? arguments.first.map(quoted) ?? "key" : "key"
            throw ConfigurationFault(given, "is no act; there are \(Self.forms.map(\.word).joined(separator: ", "))")
        }
        if form.arguments.hasSuffix("[--json]") {
            isJSON = options.contains("--json")
            options.removeAll { $0 == "--json" }
        }
        self.options = options
        request = AdminRequest(form.verb)
        let usage = ConfigurationFault("key \(word)", "is written as: portcullis key \(word) \(form.arguments)")
        if form.arguments.hasPrefix("NAME") {
            guard let name = words.popFirst() else { throw usage }
            // What is no name is not repeated: it may be a key.
            guard APIKey.isName(name) else {
                throw ConfigurationFault(
                    "key \(word)", "needs a NAME of letters, digits, '.', '_' and '-', at most 64")
            }
            request.fields["name"] = name
        }
        switch form.verb {
        case .keyAdd, .keySet:
            request.words = Array(words)
            guard form.verb == .keyAdd || !words.isEmpty else { throw usage }
            try Self.check(request.words, for: word)
        case .keyRotate:
            guard let text = words.popFirst() else { break }
            guard text.hasPrefix("overlap="), words.isEmpty else { throw usage }
            request.fields["overlap"] = String(text.dropFirst("overlap=".utf8.count))
        default:
            guard words.isEmpty else { throw usage }
        }
    }

    /// Whether the words can be options: those of a newer service are its own to know.
    private static func check(_ words: [String], for word: String) throws(ConfigurationFault) {
        guard words.allSatisfy({ $0.contains("=") }) else {
            throw ConfigurationFault("key \(word)", "takes options as option=value; 'portcullis help key' lists all")
        }
    }

    /// Has it done and tells what came of it; returns the exit status.
    func run(_ loader: SnapshotLoader) -> Int32 {
        do throws(AdminChannel.Closed) {
            let channel = try AdminChannel.open(loader)
            var answer = try channel.ask(request)
            var rows = answer.lines
            while answer.status == .done, request.verb == AdminRequest.Verb.keyList.rawValue,
                let next = answer.fields["next"]
            {
                var further = request
                further.fields["after"] = next
                answer = try channel.ask(further)
                rows += answer.lines
            }
            guard answer.status == .done else {
                for line in answer.lines { Terminal.complain(line) }
                return answer.status.exitStatus
            }
            tell(answer, rows)
            return 0
        } catch {
            Terminal.complain(error.reason)
            return error.status
        }
    }

    private func tell(_ answer: AdminAnswer, _ rows: [String]) {
        switch AdminRequest.Verb(rawValue: request.verb) {
        case .keyList: Terminal.say(isJSON ? AdminTable.json(rows) : AdminTable.keys(rows))
        case .keyShow: Terminal.say(isJSON ? rows.joined() : AdminTable.key(rows.first ?? ""))
        case .keyAdd, .keyRotate:
            // Nothing else is on standard output, so that it can go into a file.
            if let key = answer.fields["key"] { Terminal.say(key) }
            if let end = answer.fields["end"] { Terminal.complain("the old key opens until \(end)") }
        default: for row in rows { Terminal.complain(row) }
        }
    }
}

/// `portcullis audit [--json] [COUNT]`: what administrators did, the newest first.
struct AuditCommand: Sendable, Equatable {
    var request = AdminRequest(.audit)
    /// True where the answer is JSON.
    var isJSON = false
    /// Where to find the service: options of `serve`.
    var options: [String] = []

    init(_ arguments: [String]) throws(ConfigurationFault) {
        var rest = arguments
        isJSON = rest.contains("--json")
        rest.removeAll { $0 == "--json" }
        if let count = rest.first, !count.hasPrefix("-") {
            guard DecimalText.parse(count.utf8) != nil else {
                throw ConfigurationFault("audit", "is written as: portcullis audit [--json] [COUNT]")
            }
            request.fields["count"] = count
            rest.removeFirst()
        }
        options = rest
    }

    /// Tells them; returns the exit status.
    func run(_ loader: SnapshotLoader) -> Int32 {
        do throws(AdminChannel.Closed) {
            let answer = try AdminChannel.open(loader).ask(request)
            guard answer.status == .done else {
                for line in answer.lines { Terminal.complain(line) }
                return answer.status.exitStatus
            }
            Terminal.say(isJSON ? AdminTable.json(answer.lines) : AdminTable.acts(answer.lines))
            return 0
        } catch {
            Terminal.complain(error.reason)
            return error.status
        }
    }
}
