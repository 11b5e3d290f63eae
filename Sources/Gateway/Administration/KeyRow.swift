import Ledger
import Vocabulary

/// What is told of one key: a JSON object, never a secret nor what is kept of one.
struct KeyRow: Sendable, Equatable {
    /// How a key is at the moment.
    enum State: String, Sendable {
        case enabled, disabled, expired
        case notYet = "not yet valid"
        /// Its name is in the settings too, whose key counts.
        case overruled = "overruled by the settings"
        /// Its options cannot be read by this release.
        case unreadable = "options unreadable"
    }

    /// When a secret was made, and when it ends, in Unix seconds.
    struct Secret: Sendable, Equatable {
        var created: Int
        var ends: Int?
    }

    var name: String
    var id: String
    /// `ledger`, or the setting that it comes from.
    var source: String
    var state: State
    var options: String
    var created: Int?
    var changed: Int?
    var secrets: [Secret] = []

    /// A key of the settings.
    init(_ principal: Principal, at now: Int) {
        name = principal.name
        id = principal.id.text
        source = principal.id.text == principal.name ? "API_KEYS_FILE" : "PROXY_API_KEYS"
        state = Self.state(principal.options, at: now)
        options = principal.options.line
    }

    /// A key of the ledger.
    init(_ key: StoredKey, isOverruled: Bool, at now: Int) {
        name = key.name
        id = KeyID(stored: key.id).text
        source = "ledger"
        options = key.options
        created = key.created
        changed = key.changed
        // The newest, which has no end, comes last, also of those that were made within one second.
        secrets = key.secrets.map { Secret(created: $0.created, ends: $0.notAfter) }
            .sorted { ($0.created, $0.ends ?? .max) < ($1.created, $1.ends ?? .max) }
        let read = try? KeyOptions(stored: key.options)
        state =
            isOverruled
            ? .overruled : !key.isEnabled ? .disabled : read.map { Self.state($0, at: now) } ?? .unreadable
    }

    private static func state(_ options: KeyOptions, at now: Int) -> State {
        if let end = options.expires, end <= now { return .expired }
        if let start = options.notBefore, now < start { return .notYet }
        return .enabled
    }

    // MARK: - As JSON

    /// The row as one JSON object.
    var json: String {
        var json = JSONWriter()
        json.object { json in
            json.member("name", name)
            json.member("id", id)
            json.member("source", source)
            json.member("state", state.rawValue)
            json.member("options", options)
            if let created { json.member("created", Timestamp.rfc3339(created)) }
            if let changed { json.member("changed", Timestamp.rfc3339(changed)) }
            guard created != nil else { return }
            json.key("secrets")
            json.beginArray()
            for secret in secrets {
                json.object { json in
                    json.member("created", Timestamp.rfc3339(secret.created))
                    if let ends = secret.ends { json.member("ends", Timestamp.rfc3339(ends)) }
                }
            }
            json.endArray()
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
