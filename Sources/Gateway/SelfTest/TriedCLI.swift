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
    /// What they stand for under the variables of other accounts.
    let otherNames: [[String]: ModelNames]

    init(
        file: ProgramFile?, version: String, selfTest: SelfTestReport, naming: [String]? = [],
        otherNames: [[String]: ModelNames] = [:]
    ) {
        self.file = file
        self.naming = naming
        self.otherNames = otherNames
        self.version = version
        self.selfTest = selfTest
        features = selfTest.features
        degraded = selfTest.degradedField
    }

    /// What the CLI's names of models stand for; empty where it did not tell, or was not asked.
    var modelNames: [String: String] { selfTest.modelNames?.resolved ?? [:] }

    /// The same under such variables.
    func modelNames(naming: [String]?) -> [String: String] {
        if naming == self.naming { return modelNames }
        return naming.flatMap { otherNames[$0]?.resolved } ?? [:]
    }

    /// What holds of it after a reload; nil when another program is named, of which nothing is known.
    ///
    /// `naming` is what the operator's variables say of the names of models from now on, and `others` what those of other
    /// accounts say.
    func carried(
        from old: CLISettings, to new: CLISettings, naming: [String]? = [], others: Set<[String]> = []
    ) -> TriedCLI? {
        guard old.path == new.path else { return nil }
        if new.selfTest == .off { return TriedCLI(file: file, version: version, selfTest: .off, naming: naming) }
        let isKnown = naming == self.naming && others.isSubset(of: otherNames.keys)
        guard old.selfTest == .off || !isKnown else { return self }
        return TriedCLI(file: nil, version: version, selfTest: .off, naming: naming)
    }
}
