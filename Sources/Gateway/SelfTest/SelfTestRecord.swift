import ClaudeCLI
import Vocabulary

/// The form in which a self-test's result is kept: one JSON object.
enum SelfTestRecord {
    /// The file's content: which CLI, and of each feature whether it works.
    static func encode(missing: Set<CLIFeature>, of identity: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("format", 1)
        json.member("cli", identity)
        json.key("features")
        json.beginObject()
        for feature in CLIFeature.allCases {
            json.key(JSONText(feature.rawValue))
            json.string(missing.contains(feature) ? "missing" : "works")
        }
        json.endObject()
        json.endObject()
        return json.bytes + [0x0A]
    }

    /// What the file says is missing in the CLI of `identity`; nil unless it says exactly one thing of each feature
    /// there is.
    static func decode(_ bytes: [UInt8], for identity: String) -> Set<CLIFeature>? {
        guard let root = try? JSONDocument(parsing: bytes).root, root["format"]?.integer == 1,
            root["cli"]?.text?.string == identity, let features = root["features"]
        else { return nil }
        var missing: Set<CLIFeature> = []
        var known: Set<CLIFeature> = []
        for (name, value) in features.members {
            guard let feature = CLIFeature(rawValue: name.string), known.insert(feature).inserted else { return nil }
            switch value.text?.string {
            case "works": break
            case "missing": missing.insert(feature)
            default: return nil
            }
        }
        return known.count == CLIFeature.allCases.count ? missing : nil
    }
}
