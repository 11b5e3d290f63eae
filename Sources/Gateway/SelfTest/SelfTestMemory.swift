import ClaudeCLI
import Glibc
import Vocabulary

/// Which CLI a self-test was about: what changes when another one is installed, or when it is used otherwise.
struct CLIIdentity: Sendable, Equatable {
    /// The lines by which it is known; equal lines are the same CLI, used in the same way.
    let text: String

    /// The identity of the program at `path`; nil when there is none.
    ///
    /// The program is some 200 MB, so it is not hashed; the change time is the kernel's alone to set.
    init?(path: String, version: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        let modified = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        let changed = "\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        text = [
            "claude \(version)", "path \(path)", "file \(status.st_dev):\(status.st_ino)",
            "size \(status.st_size)", "modified \(modified)", "changed \(changed)",
            "portcullis \(Program.version)", "use \(Self.use)",
        ].joined(separator: "\n")
    }

    init(text: String) { self.text = text }

    /// How this gateway uses a CLI: its arguments, its environment, and every row of a self-test.
    private static let use: String = {
        var parts = Array(Invocation.fixedParts.utf8)
        for kind in SelfTestProbe.Kind.allCases {
            let probe = SelfTestProbe(kind: kind, canary: "")
            if let plan = try? probe.plan(workingDirectory: "/") { parts += plan.text }
            parts += probe.reply
        }
        return fingerprint(parts)
    }()

    /// FNV-1a (64 bit): it tells builds apart, it does not have to withstand anybody.
    private static func fingerprint(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return String(hash, radix: 16)
    }
}

/// The newest result of a self-test in the state directory, so that the next start costs nothing.
struct SelfTestMemory: Sendable {
    /// The file, mode 0600.
    let path: String
    private static let maxBytes = 64 << 10

    init(state: String) { path = state + "/self-test.json" }

    /// The result for this very CLI; nil where there is none, or none that can be read.
    func recall(_ identity: CLIIdentity) -> SelfTestReport? {
        guard let content = try? SecretFile.read(path, .secret, maximumBytes: Self.maxBytes) else { return nil }
        return Self.decode(content.copy, for: identity)
    }

    /// Keeps a result; the file is whole at any moment. False when it cannot be written, which costs a test at the
    /// next start.
    @discardableResult
    func keep(_ report: SelfTestReport, of identity: CLIIdentity) -> Bool {
        guard report.isFinal, let bytes = Self.encode(report, of: identity) else { return false }
        let fresh = path + ".new"
        _ = unsafe unlink(fresh)
        let descriptor = unsafe open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        let count = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        let isSafe = count == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isSafe, unsafe rename(fresh, path) == 0 else {
            _ = unsafe unlink(fresh)
            return false
        }
        return true
    }

    static func encode(_ report: SelfTestReport, of identity: CLIIdentity) -> [UInt8]? {
        guard case .tested(let missing) = report.outcome else { return nil }
        var json = JSONWriter()
        json.beginObject()
        json.member("format", 1)
        json.member("cli", identity.text)
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

    /// What the file says of `identity`; nil unless it says exactly one thing of each feature there is.
    static func decode(_ bytes: [UInt8], for identity: CLIIdentity) -> SelfTestReport? {
        guard let root = try? JSONDocument(parsing: bytes).root, root["format"]?.integer == 1,
            root["cli"]?.text?.string == identity.text, let features = root["features"]
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
        guard known.count == CLIFeature.allCases.count else { return nil }
        var report = SelfTestReport(.tested(missing: missing))
        report.isRemembered = true
        return report
    }
}
