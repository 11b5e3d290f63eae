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
    /// The operator's variables under which it told what its names of models stand for (`LaunchProfile.modelVariables`).
    let naming: [String]?

    init(file: ProgramFile?, version: String, selfTest: SelfTestReport, naming: [String]? = []) {
        self.file = file
        self.naming = naming
        self.version = version
        self.selfTest = selfTest
        features = selfTest.features
        degraded = selfTest.degradedField
    }

    /// What the CLI's names of models stand for; empty where it did not tell, or was not asked.
    var modelNames: [String: String] { selfTest.modelNames?.resolved ?? [:] }

    /// What holds of it after a reload; nil when another program is named, of which nothing is known.
    ///
    /// `naming` is what the operator's variables say of the names of models from now on.
    func carried(from old: CLISettings, to new: CLISettings, naming: [String]? = []) -> TriedCLI? {
        guard old.path == new.path else { return nil }
        if new.selfTest == .off { return TriedCLI(file: file, version: version, selfTest: .off, naming: naming) }
        guard old.selfTest == .off || naming != self.naming else { return self }
        return TriedCLI(file: nil, version: version, selfTest: .off, naming: naming)
    }
}
