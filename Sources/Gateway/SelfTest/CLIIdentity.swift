import ClaudeCLI
import Platform
import Vocabulary

/// Which CLI a self-test was about: what changes when another one is installed, or when it is used otherwise.
struct CLIIdentity: Sendable, Equatable {
    /// The lines by which it is known; equal lines are the same CLI, used in the same way.
    let text: String

    /// The identity of a program that says it is `version`, is told of models what `naming` says, and runs in `walls`.
    init(_ file: ProgramFile, version: String, naming: [String]? = [], within walls: WallPolicy? = nil) {
        let names = naming.map { Self.fingerprint(Array($0.joined(separator: "\n").utf8)) } ?? "elsewhere"
        let use = ["portcullis \(Release.version)", "use \(Self.use)", "models \(names)", "walls \(Self.words(walls))"]
        text = (["claude \(version)"] + file.lines + use).joined(separator: "\n")
    }

    init(text: String) { self.text = text }

    private static func words(_ walls: WallPolicy?) -> String {
        guard let walls else { return "none" }
        let kernel = WallKernel.current
        let grants = fingerprint(Array(walls.lines.joined(separator: "\n").utf8))
        return "landlock \(kernel.landlock), calls \(kernel.filtersCalls), \(grants)"
    }

    /// How this gateway uses a CLI: its arguments, its environment, and every row of a self-test.
    private static let use: String = {
        var parts = Array(LaunchProfile.fixedParts.utf8)
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
