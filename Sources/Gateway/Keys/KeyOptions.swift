import Platform
import Vocabulary

/// What an operator grants, limits or presets for one key.
///
/// Written as `name=value` words: behind a key in the key file, and behind `portcullis key add`.
struct KeyOptions: Sendable, Hashable {
    /// The clients whose peculiarities the gateway can smooth out.
    enum Client: String, Sendable, CaseIterable { case openclaw, codex }

    /// What the holder may see and do beyond their own.
    enum Role: String, Sendable, CaseIterable {
        case user
        /// Everybody's usage, and the metrics.
        case admin
    }

    /// How stretches longer than a minute are counted.
    enum Windows: String, Sendable, CaseIterable {
        /// By days, weeks and months of UTC.
        case calendar
        /// By the last 24 hours, 7 days and 30 days, in steps of an hour.
        case rolling
    }

    /// The client that uses this key; nil when it is any.
    var client: Client?
    /// Names of the MCP servers this key may switch on, `*` for all; nil leaves it to the setting.
    var mcpServers: [String]?
    /// How often one of its answers may search the web; nil where none may.
    var webSearches: Int?
    /// The accounts whose limits its turns use, the first that has room first; nil for those of the setting.
    var accounts: [String]?
    /// The workspace in which the CLI's own tools may work for it; nil for none.
    var agent: String?
    var role = Role.user
    /// From when on and until when it opens, in Unix seconds.
    var notBefore: Int?
    var expires: Int?
    /// The models it may use, as clients write them or as the CLI is given them, `*` at the end for any rest; nil for all.
    var models: [String]?
    /// The dialects it may speak, by the words of logs; nil for all.
    var dialects: [String]?
    /// The highest effort; what asks for more gets this.
    var effort: Effort?
    /// The largest request body, in bytes.
    var bodyBytes: Int?
    /// From where it may be used; empty for anywhere.
    var addresses: [AddressRange] = []
    /// How many turns of it run at once.
    var turns: Int?
    var caps: [KeyCap] = []
    var windows = Windows.calendar
    /// How often its turns are next beside those of others, when turns wait.
    var weight = 1
    /// The model of its requests that name none, or the default one; nil for that of the setting.
    var defaultModel: String?
    /// The model of background tasks of chat apps; nil where they are turns like others.
    var taskModel: String?
    /// The weight of background tasks; nil for that of others.
    var taskWeight: Int?
    /// The part of each of the account's windows that is kept for it, in hundredths.
    var share: Int?
    /// True where it may use what is kept in reserve of the account's windows.
    var usesReserve = false
    /// What is said with a refusal for a limit, in the operator's words.
    var message: String?
    /// The SHA-256 of the certificate that must be shown with it, in small hexadecimal digits.
    var certificateDigest: String?
    /// A name that the certificate shown with it must be for, in small letters.
    var certificateName: String?

    /// True where what it uses is bounded by days or more.
    var hasShare: Bool { caps.contains(where: \.isShare) }
}

/// One option: how it is written, what it means, and how it is read.
struct KeyOption: Sendable {
    let name: String
    /// What stands behind the `=`.
    let syntax: String
    let help: String
    /// Reads a value, which is never empty.
    let take: @Sendable (String, inout KeyOptions) throws(ValueProblem) -> Void
    /// Puts the option back to what it is when nothing is said.
    let clear: @Sendable (inout KeyOptions) -> Void
    /// The value as it is read; nil where nothing is said.
    let text: @Sendable (KeyOptions) -> String?
}

extension KeyOptions {
    /// Takes one `name=value` word over; with `clears` an empty value clears the option. What is not an option may be part
    /// of a key, and so is not repeated.
    mutating func take(_ word: some StringProtocol, clears: Bool = false) throws(ValueProblem) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, clears || !parts[1].isEmpty else {
            throw ValueProblem("is followed by something that is not name=value")
        }
        guard let option = KeyOption.named(String(parts[0])) else {
            let meant = Suggestion.nearest(to: String(parts[0]), among: KeyOption.all.map(\.name))
            throw ValueProblem("has an unknown option; \(meant.map { "did you mean \($0)?" } ?? "'portcullis help key' lists all")")
        }
        guard !parts[1].isEmpty else { return option.clear(&self) }
        do throws(ValueProblem) { try option.take(String(parts[1]), &self) } catch {
            throw ValueProblem("has \(option.name)=, which \(error.text)")
        }
    }

    /// The options of several words.
    init(words: [String]) throws(ValueProblem) {
        self.init()
        for word in words { try take(word) }
    }

    /// As words that give the same options.
    var words: [String] { KeyOption.all.compactMap { option in option.text(self).map { "\(option.name)=\($0)" } } }

    /// The words as one line, which ``split(_:)`` takes apart again.
    var line: String {
        words.map { word in
            guard word.contains(" "), let mark = word.firstIndex(of: "=") else { return word }
            return "\(word[...mark])\"\(word[word.index(after: mark)...])\""
        }.joined(separator: " ")
    }

    /// The words of a line: blanks stand between them, but for those in quotes. Nil where a quote is not closed.
    static func split(_ line: some StringProtocol) -> [String]? {
        var words: [String] = []
        var word: [UInt8] = []
        var isQuoted = false
        // Bytes: a service reads the lines of all its keys when it starts.
        for byte in line.utf8 {
            switch byte {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: " ") where !isQuoted, UInt8(ascii: "\t") where !isQuoted:
                if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
                word = []
            default: word.append(byte)
            }
        }
        if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
        return isQuoted ? nil : words
    }
}
