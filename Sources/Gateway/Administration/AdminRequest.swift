import Vocabulary

/// What an administrator asks the service, or asks of its state directory where no service runs.
///
/// On the socket it is one line of JSON, `{"verb":…,"fields":{…},"words":[…]}`. What is not known of it is left out of
/// account, so that a later release may say more.
struct AdminRequest: Sendable, Equatable {
    /// What can be asked; the raw values are the words of the socket.
    enum Verb: String, Sendable, CaseIterable {
        case reload
        case upgrade
        case keyAdd = "key-add"
        case keyList = "key-list"
        case keyShow = "key-show"
        case keySet = "key-set"
        case keyRotate = "key-rotate"
        case keyDisable = "key-disable"
        case keyEnable = "key-enable"
        case keyRemove = "key-remove"
        case audit
    }

    /// The longest line of a request.
    static let maxBytes = 64 << 10

    /// As it was written: a newer command may know more of them.
    var verb: String
    /// What else is said, by name.
    var fields: [String: String]
    /// `name=value` words.
    var words: [String]

    init(_ verb: Verb, fields: [String: String] = [:], words: [String] = []) {
        self.verb = verb.rawValue
        self.fields = fields
        self.words = words
    }

    /// Reads a line without its end; nil where it is no request.
    init?(line: [UInt8]) {
        guard let root = AdminLine.object(line), let verb = root["verb"]?.text?.string else { return nil }
        self.verb = verb
        fields = AdminLine.strings(root["fields"])
        words = root["words"]?.elements.compactMap { $0.text?.string } ?? []
    }

    /// The line with its end.
    var line: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("verb", verb)
            json.key("fields")
            AdminLine.write(fields, to: &json)
            json.key("words")
            json.beginArray()
            for word in words { json.string(word) }
            json.endArray()
        }
        return json.bytes + [AdminLine.end]
    }
}

/// What comes of it; on the socket one line of JSON, `{"status":…,"fields":{…},"lines":[…]}`.
struct AdminAnswer: Sendable, Equatable {
    /// How it went; the raw values are the words of the socket.
    enum Status: String, Sendable, CaseIterable {
        /// It is done.
        case done
        /// Nothing has changed: the configuration is faulty.
        case refused
        /// Nothing has changed: the request asks for what this service does not do.
        case usage
        /// Nothing has changed: what was given does not do.
        case data
        /// Nothing has changed: there is no such thing.
        case unknown
        /// Nothing has changed: the one who asks may not.
        case denied
        /// It cannot be done now.
        case unavailable
        /// It failed.
        case failed

        /// The exit status of a command that was told so (sysexits(3)).
        var exitStatus: Int32 {
            switch self {
            case .done: 0
            case .usage: 64  // EX_USAGE
            case .data: 65  // EX_DATAERR
            case .unknown: 66  // EX_NOINPUT
            case .unavailable: 69  // EX_UNAVAILABLE
            case .failed: 74  // EX_IOERR
            case .denied: 77  // EX_NOPERM
            case .refused: 78  // EX_CONFIG
            }
        }
    }

    /// The fields of an answer to what would do were it not for what there is already.
    static let conflict = ["conflict": "true"]

    /// The longest line of an answer.
    static let maxBytes = 4 << 20

    var status: Status
    /// What is told, by name.
    var fields: [String: String] = [:]
    /// What is told in rows: words for people, or JSON objects.
    var lines: [String] = []

    init(_ status: Status, fields: [String: String] = [:], lines: [String] = []) {
        self.status = status
        self.fields = fields
        self.lines = lines
    }

    /// Reads a line without its end; nil where it is no answer.
    init?(line: [UInt8]) {
        guard let root = AdminLine.object(line),
            let status = root["status"]?.text.flatMap({ Status(rawValue: $0.string) })
        else { return nil }
        self.status = status
        fields = AdminLine.strings(root["fields"])
        lines = root["lines"]?.elements.compactMap { $0.text?.string } ?? []
    }

    /// The line with its end.
    var line: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("status", status.rawValue)
            json.key("fields")
            AdminLine.write(fields, to: &json)
            json.key("lines")
            json.beginArray()
            for line in lines { json.string(line) }
            json.endArray()
        }
        return json.bytes + [AdminLine.end]
    }
}
