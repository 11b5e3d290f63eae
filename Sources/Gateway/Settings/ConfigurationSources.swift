/// A value somebody wrote, and where.
struct GivenValue: Equatable {
    /// Who wrote it; a later case wins over an earlier one.
    enum Level: Int, Comparable {
        case file, environment, prefixedEnvironment, flag

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    var text: String
    /// The name under which it was written; what the text means may depend on it.
    var name: String
    var level: Level
    /// How a fault names the place.
    var place: String
}

/// A setting that somebody gave, as they wrote it.
struct GivenSetting: Sendable, Equatable {
    /// What was written; nil of a secret.
    let text: String?
    /// Where, as faults name it.
    let place: String

    init(_ values: [GivenValue], isSecret: Bool) {
        text = isSecret ? nil : values.map(\.text).joined(separator: ",")
        place = values.last?.place ?? ""
    }
}

/// The values of all settings as they were written, before any is understood.
struct ConfigurationSources {
    /// For each setting by name, the values of the highest level that has any.
    private(set) var given: [String: [GivenValue]] = [:]
    /// What could not even be assigned to a setting.
    private(set) var faults: [ConfigurationFault] = []
    /// What was passed over, since the environment is not ours alone; one line each.
    private(set) var warnings: [String] = []

    /// Two ways to write the same; what one source says in either outdoes what a lower one says in the other.
    private static let rivals = ["LISTEN": ["HOST", "PORT"], "HOST": ["LISTEN"], "PORT": ["LISTEN"]]
    /// Beyond these nobody reads warnings.
    private static let maximumWarnings = 20

    /// Takes the values of flags. Sources must be taken in this order, the highest first.
    mutating func takeArguments(_ arguments: [String]) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = parts.first.map(String.init) ?? ""
            if let short = Self.otherFlag(flag) {
                takeOther(short, parts.count == 2 ? String(parts[1]) : nil, &rest)
                continue
            }
            guard argument.hasPrefix("--"), argument.utf8.count > 2 else {
                faults.append(ConfigurationFault(quoted(argument), Self.noOption(Suggestion.setting(for: argument))))
                continue
            }
            let value = parts.count == 2 ? String(parts[1]) : Self.nextValue(&rest)
            guard let setting = Setting.all.first(where: { $0.flag == flag }) else {
                faults.append(Self.unknown(flag: flag))
                continue
            }
            if let value = value ?? (setting.reader.isSwitch ? "true" : nil) {
                take(value, as: setting.name, for: setting, .flag, flag)
            } else {
                faults.append(ConfigurationFault(flag, "needs a value (\(setting.syntax))"))
            }
        }
    }

    /// Takes a flag of other wrappers: it stands for a setting, or for one value of it.
    private mutating func takeOther(_ flag: OtherWrappers.Flag, _ written: String?, _ rest: inout ArraySlice<String>) {
        guard let setting = Setting.named(flag.setting) else { return }
        if let value = flag.value {
            guard written == nil else {
                return faults.append(ConfigurationFault(flag.flag, "takes no value; write \(setting.flag ?? setting.name)"))
            }
            take(value, as: setting.name, for: setting, .flag, flag.flag)
        } else if let value = written ?? Self.nextValue(&rest) {
            take(value, as: setting.name, for: setting, .flag, flag.flag)
        } else {
            faults.append(ConfigurationFault(flag.flag, "needs a value (\(setting.syntax))"))
        }
    }

    /// The word behind a flag: nothing but options stands on their line, so that it is the flag's value.
    private static func nextValue(_ rest: inout ArraySlice<String>) -> String? {
        guard let next = rest.first, !next.hasPrefix("--"), otherFlag(next) == nil else { return nil }
        rest.removeFirst()
        return next
    }

    private static func otherFlag(_ word: String) -> OtherWrappers.Flag? { OtherWrappers.flags.first { $0.flag == word } }

    /// Takes the values of variables, prefixed ones first; empty ones count as not set.
    ///
    /// The environment is shared with others: what is like a setting but none is told as a warning.
    mutating func takeEnvironment(_ environment: [String: String]) {
        for setting in Setting.all {
            for name in setting.names.map(Setting.prefixed) {
                guard let text = environment[name], !text.isEmpty else { continue }
                // What Kubernetes gives every process near a service that is called portcullis.
                if setting.name == "PORT", text.hasPrefix("tcp://") { continue }
                take(text, as: name, for: setting, .prefixedEnvironment, "\(name) (environment)")
            }
            takeForeign(setting, .prefixedEnvironment, environment)
        }
        for setting in Setting.all {
            for name in setting.names where !name.hasPrefix(Setting.prefix) {
                guard let text = environment[name], !text.isEmpty else { continue }
                if let problem = sharedProblem(text, of: setting) {
                    warnings.append("\(name) (environment): \(problem); \(Self.passedOver(setting))")
                } else {
                    take(text, as: name, for: setting, .environment, "\(name) (environment)")
                }
            }
            takeForeign(setting, .environment, environment)
        }
        warnOfMisspelling(environment)
    }

    /// Takes what similar programs call a setting, where its own name says nothing at this level or above.
    private mutating func takeForeign(
        _ setting: Setting, _ level: GivenValue.Level, _ environment: [String: String]
    ) {
        for foreign in setting.foreignNames {
            let isBare = level == .environment
            let name = isBare ? foreign.name : Setting.prefixed(foreign.name)
            guard given[setting.name] == nil, let text = environment[name], !text.isEmpty else { continue }
            let place = "\(name) (environment)"
            guard isBare else {
                take(text, as: name, for: setting, level, place)
                continue
            }
            // LISTEN stands before its rivals in the table, so that it is known here.
            if Self.rivals[setting.name] != nil, given["LISTEN"] != nil {
                warnings.append("\(place): LISTEN says where to listen; \(Self.passedOver(setting))")
                continue
            }
            var tried = Configuration()
            do throws(ValueProblem) {
                let reader = setting.reader(for: name)
                reader.clear(&tried)
                try reader.apply(&tried, text)
                warnings.append("\(place): taken as \(setting.name), which is our name for it")
                take(text, as: name, for: setting, level, place)
            } catch {
                warnings.append("\(place): \(error.text); \(Self.passedOver(setting))")
            }
        }
    }

    private static func passedOver(_ setting: Setting) -> String {
        "passed over, since other programs use this name; ours is \(Setting.prefixed(setting.name))"
    }

    /// Why a variable with a name that others use is not for us; nil when it is, or does not count anyway.
    private func sharedProblem(_ text: String, of setting: Setting) -> String? {
        guard let check = setting.sharedCheck, !isOutdone(setting, at: .environment) else { return nil }
        do throws(ValueProblem) { try check(text) } catch { return error.text }
        // LISTEN stands before its rivals in the table, so that it is known here.
        return Self.rivals[setting.name] != nil && given["LISTEN"] != nil ? "LISTEN says where to listen" : nil
    }

    private mutating func warnOfMisspelling(_ environment: [String: String]) {
        var found: [String] = []
        for (name, value) in environment where !value.isEmpty && Setting.named(name) == nil {
            let isOurs = name.hasPrefix(Setting.prefix)
            if let refused = OtherWrappers.refusal(of: name) {
                if isOurs || !refused.isCommon { found.append("\(name) (environment): is no setting. \(refused.advice)") }
                continue
            }
            // Others spell the level of their logs so.
            guard isOurs || name != "LOGLEVEL" else { continue }
            let meant = Suggestion.setting(for: name, isOurs ? .faults : .strangers)?.name
            guard isOurs || meant != nil else { continue }
            let question = Suggestion.question(meant.map { isOurs ? Setting.prefixed($0) : $0 })
            found.append("\(Self.shown(name)) (environment): is no setting; \(question)")
        }
        warnings += found.sorted().prefix(Self.maximumWarnings)
        if found.count > Self.maximumWarnings {
            warnings.append("\(found.count - Self.maximumWarnings) more variables are like settings but none")
        }
    }

    /// A variable's name as a message shows it: names may hold anything but `=`.
    private static func shown(_ name: String) -> String {
        AssignmentLine.isName(name[...]) && name.utf8.count <= 80 ? name : quoted(name)
    }

    /// Takes the lines of a file: `NAME=value`, comments after `#`, blank lines, quotes around a value.
    mutating func takeFile(_ bytes: [UInt8], path: String, isPrivate: Bool) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            faults.append(ConfigurationFault(path, "is not UTF-8"))
            return
        }
        var lineOfName: [String: Int] = [:]
        for (number, line) in AssignmentLine.lines(of: text) {
            let place = "\(path):\(number)"
            do throws(ValueProblem) {
                let (name, value) = try assignment(line)
                guard let setting = Setting.named(name), setting.name != "PORTCULLIS_CONFIG" else {
                    throw Self.noSetting(name)
                }
                if let first = lineOfName[setting.name], !setting.reader.isList {
                    throw ValueProblem("\(name) is given twice, first in line \(first)")
                }
                if setting.reader.isSecret, !isPrivate {
                    throw ValueProblem("\(name) holds secrets, but everybody can read this file; chmod 600")
                }
                lineOfName[setting.name] = number
                if !value.isEmpty { take(value, as: name, for: setting, .file, "\(place): \(name)") }
            } catch {
                faults.append(ConfigurationFault(place, error.text))
            }
        }
    }

    /// A line's name and value; a flag in a file is told how it is written there.
    private func assignment(_ line: Substring) throws(ValueProblem) -> (name: String, value: String) {
        let written = AssignmentLine.trim(line.prefix { $0 != "=" && $0 != " " })
        guard written.contains("-"), let meant = Suggestion.setting(for: String(written)) else {
            return try AssignmentLine.parse(line)
        }
        throw ValueProblem("\(quoted(String(written))) is no setting; \(Suggestion.question(meant.name))")
    }

    private static func noSetting(_ name: String) -> ValueProblem {
        if let refused = OtherWrappers.refusal(of: name) {
            return ValueProblem("\(quoted(name)) is no setting. \(refused.advice)")
        }
        let meant = Suggestion.setting(for: name).flatMap { $0.setting.name == "PORTCULLIS_CONFIG" ? nil : $0.name }
        return ValueProblem("\(quoted(name)) is no setting; \(Suggestion.question(meant))")
    }

    /// The last value of a setting that has one.
    func last(_ name: String) -> GivenValue? { given[name]?.last }

    /// True when a higher source has given the setting, or another way to write it, so that nothing here counts.
    private func isOutdone(_ setting: Setting, at level: GivenValue.Level) -> Bool {
        ([setting.name] + (Self.rivals[setting.name] ?? [])).contains { name in
            given[name].map { $0[0].level > level } ?? false
        }
    }

    private mutating func take(
        _ text: String, as name: String, for setting: Setting, _ level: GivenValue.Level, _ place: String
    ) {
        guard !isOutdone(setting, at: level) else { return }
        guard !text.isEmpty else {
            faults.append(ConfigurationFault(place, "is empty"))
            return
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            faults.append(ConfigurationFault(place, "holds a control character"))
            return
        }
        let pieces =
            setting.reader(for: name).isList ? text.split(separator: ",").map(AssignmentLine.trim) : [text[...]]
        let values = pieces.filter { !$0.isEmpty }.map {
            GivenValue(text: String($0), name: name, level: level, place: place)
        }
        if let before = given[setting.name]?.first, before.level == level, setting.reader.isList {
            given[setting.name]?.append(contentsOf: values)
        } else if !values.isEmpty {
            given[setting.name] = values
        }
    }

    /// True for a flag that would be a setting's if its value were no secret.
    private static func isSecret(flag: String) -> Bool {
        flag == "--api-key" || Setting.all.contains { setting in
            setting.flag == nil
                && ([setting.name] + setting.aliases).contains { Setting.flag(for: $0) == flag }
        }
    }

    private static func unknown(flag: String) -> ConfigurationFault {
        let meant = Suggestion.setting(for: flag)
        let isSecret = isSecret(flag: flag)
        guard isSecret || meant?.setting.reader.isSecret == true else {
            return ConfigurationFault(quoted(flag), noOption(meant))
        }
        return ConfigurationFault(
            isSecret ? flag : quoted(flag), "others can read the command line; use PROXY_API_KEYS or --api-keys-file")
    }

    private static func noOption(_ meant: (setting: Setting, name: String)?) -> String {
        "is no option; \(Suggestion.question(meant?.setting.flag))"
    }
}
