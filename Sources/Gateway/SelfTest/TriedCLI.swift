import ClaudeCLI

/// The CLI that turns run on: which file it is, and what the gateway found when it tried it.
struct TriedCLI: Sendable {
    /// The file as it was before the trial; nil when what stands there must be tried before it serves.
    let file: ProgramFile?
    /// The first word of `claude --version`.
    let version: String
    /// What the self-test came to.
    let selfTest: SelfTestReport
    /// What turns may rely on.
    let features: CLIFeatures
    /// The value of `x-portcullis-degraded`.
    let degraded: String?

    init(file: ProgramFile?, version: String, selfTest: SelfTestReport) {
        self.file = file
        self.version = version
        self.selfTest = selfTest
        features = selfTest.features
        degraded = selfTest.degradedField
    }

    /// What holds of it after a reload; nil when another program is named, of which nothing is known.
    func carried(from old: CLISettings, to new: CLISettings) -> TriedCLI? {
        guard old.path == new.path else { return nil }
        if new.selfTest == .off { return TriedCLI(file: file, version: version, selfTest: .off) }
        return old.selfTest == .off ? TriedCLI(file: nil, version: version, selfTest: .off) : self
    }
}
