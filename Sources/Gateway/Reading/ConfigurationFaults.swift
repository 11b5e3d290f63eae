/// One thing wrong with the configuration.
struct ConfigurationFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The flag, variable, or file and line that is wrong.
    var place: String
    /// What is wrong with it; never holds a secret.
    var problem: String

    /// A fault.
    init(_ place: String, _ problem: String) {
        self.place = place
        self.problem = problem
    }

    /// One line, `where: what`.
    var description: String { "\(place): \(problem)" }
}

/// All that is wrong with the configuration; the process should end with status 78 (`EX_CONFIG`).
struct ConfigurationFaults: Error, Sendable, Equatable, CustomStringConvertible {
    /// At least one.
    var faults: [ConfigurationFault]
    /// What is no fault but may be the reason of one, as a variable that was misspelt.
    var warnings: [String]

    /// Faults found together.
    init(_ faults: [ConfigurationFault], warnings: [String] = []) {
        self.faults = faults
        self.warnings = warnings
    }

    /// One line each.
    var description: String {
        (faults.map(\.description) + warnings.map { "warning: \($0)" }).joined(separator: "\n")
    }
}

/// Why one value does not do; the caller knows where it stands.
struct ValueProblem: Error, Equatable {
    var text: String

    init(_ text: String) { self.text = text }
}

/// A value as a message shows it: in quotes, bounded, without control characters.
func quoted(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars.prefix(80) {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        shown.unicodeScalars.append(isControl ? "?" : scalar)
    }
    return "'\(shown)\(text.unicodeScalars.count > 80 ? "…" : "")'"
}
