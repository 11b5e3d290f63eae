import ClaudeCLI
import Vocabulary

/// What is kept of a self-test, in the form in which it is kept: one JSON object.
struct SelfTestRecord: Equatable {
    /// The features that do not work.
    var missing: Set<CLIFeature>
    /// What the CLI's names of models stand for.
    var modelNames = ModelNames()

    private static let format = 2

    /// The file's content: which CLI, of each feature whether it works, and what its names of models stand for.
    func encode(for identity: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("format", Self.format)
        json.member("cli", identity)
        json.key("features")
        json.beginObject()
        for feature in CLIFeature.allCases {
            json.key(JSONText(feature.rawValue))
            json.string(missing.contains(feature) ? "missing" : "works")
        }
        json.endObject()
        json.key("models")
        json.beginObject()
        for (name, model) in modelNames.resolved.sorted(by: { $0.key < $1.key }) {
            json.key(JSONText(name))
            json.string(model)
        }
        json.endObject()
        json.endObject()
        return json.bytes + [0x0A]
    }

    /// What the file says of the CLI of `identity`; nil unless it says exactly one thing of each feature there is, and
    /// of each model that it names.
    static func decode(_ bytes: [UInt8], for identity: String) -> SelfTestRecord? {
        guard let root = try? JSONDocument(parsing: bytes).root, root["format"]?.integer == format,
            root["cli"]?.text?.string == identity, let features = root["features"], let models = root["models"],
            models.kind == .object
        else { return nil }
        var record = SelfTestRecord(missing: [])
        var known: Set<CLIFeature> = []
        for (name, value) in features.members {
            guard let feature = CLIFeature(rawValue: name.string), known.insert(feature).inserted else { return nil }
            switch value.text?.string {
            case "works": break
            case "missing": record.missing.insert(feature)
            default: return nil
            }
        }
        for (name, model) in models.members {
            guard let model = model.text?.string, record.modelNames.note(name.string, means: model) else { return nil }
        }
        return known.count == CLIFeature.allCases.count ? record : nil
    }
}
