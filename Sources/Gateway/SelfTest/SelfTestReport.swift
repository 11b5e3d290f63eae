import ClaudeCLI
import Vocabulary

/// What the self-test of one CLI came to.
struct SelfTestReport: Sendable, Equatable {
    enum Outcome: Sendable, Equatable {
        /// Each feature was tried; these are missing.
        case tested(missing: Set<CLIFeature>)
        /// The CLI never asked the test's upstream, so nothing can be said; why, in words.
        case untested(String)
        /// Switched off by the operator.
        case off
    }

    let outcome: Outcome
    /// True when the result came from an earlier start.
    var isRemembered = false
    /// False when a part of the test ran out of time: it is not remembered, and tried again.
    var isFinal = true
    /// What the CLI's names of models stand for; nil when it did not tell in time.
    var modelNames: ModelNames? = ModelNames()

    init(_ outcome: Outcome) { self.outcome = outcome }

    static let off = SelfTestReport(.off)

    /// What turns may rely on.
    var features: CLIFeatures {
        if case .tested(let missing) = outcome { CLIFeatures(missing: missing) } else { .all }
    }

    /// What is missing, by name; empty where nothing is, or nothing is known.
    var degraded: [String] { features.missingInOrder.map(\.rawValue) }

    /// One word: `passed`, `degraded`, `untested` or `off`.
    var word: String {
        switch outcome {
        case .tested(let missing): missing.isEmpty ? "passed" : "degraded"
        case .untested: "untested"
        case .off: "off"
        }
    }

    /// Why no turn may run; nil when turns may.
    var turnFault: Fault? {
        let missing = features.missingInOrder.filter(\.isEssential)
        guard !missing.isEmpty else { return nil }
        return Fault(
            .unavailable,
            "The CLI behind this gateway failed its self-test, so nothing is answered. The operator finds the reason "
                + "in the log.",
            detail: "self-test: \(missing.map(\.rawValue).joined(separator: ", ")) missing", shouldRetry: false)
    }

    /// One line for each feature, for `portcullis check`.
    var lines: [String] {
        switch outcome {
        case .off: return ["self-test: off"]
        case .untested(let reason): return ["self-test: untested, \(reason)"]
        case .tested(let missing):
            let name = { (feature: CLIFeature) in
                feature.rawValue + String(repeating: " ", count: max(1, 16 - feature.rawValue.utf8.count))
            }
            return CLIFeature.allCases.map { feature in
                missing.contains(feature)
                    ? "self-test: \(name(feature))\(isFinal ? "MISSING" : "not shown in time"): \(feature.consequence)"
                    : "self-test: \(name(feature))works"
            }
        }
    }

    /// Says at the start or after a reload what the operator must know.
    func tell(_ log: Log) {
        switch outcome {
        case .off: log.warning("self-test: off (SELF_TEST=off)")
        case .untested(let reason): log.warning("self-test: untested, \(reason)")
        case .tested(let missing):
            for feature in features.missingInOrder {
                let lack = isFinal ? "is missing in this CLI" : "was not shown in time"
                let text = "self-test: \(feature.rawValue) \(lack): \(feature.consequence)"
                if feature.isEssential { log.error(text) } else { log.warning(text) }
            }
            guard missing.isEmpty else { return }
            log.info("self-test: passed\(isRemembered ? " (remembered)" : "")")
        }
    }
}
