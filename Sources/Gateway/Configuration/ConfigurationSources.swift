/// A value somebody wrote, and where.
struct GivenValue: Equatable {
    /// Who wrote it; a later case wins over an earlier one.
    enum Level: Int, Comparable {
        case file, environment, flag

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    var text: String
    var level: Level
    /// How a fault names the place.
    var place: String
}

/// The values of all settings as they were written, before any is understood.
struct ConfigurationSources {
    /// For each setting by name, the values of the highest level that has any.
    private(set) var given: [String: [GivenValue]] = [:]
    /// What could not even be assigned to a setting.
    private(set) var faults: [ConfigurationFault] = []

    /// Takes the values of flags.
    mutating func takeArguments(_ arguments: [String]) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument.utf8.count > 2 else {
                faults.append(ConfigurationFault(quoted(argument), "is no option; see portcullis help"))
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = String(parts[0])
            guard let setting = Setting.all.first(where: { $0.flag == flag }) else {
                faults.append(Self.unknown(flag: flag))
                // The value must not be told as an argument out of place.
                if Self.isSecret(flag: flag), parts.count == 1 { rest = rest.dropFirst() }
                continue
            }
            if parts.count == 2 {
                take(String(parts[1]), for: setting, .flag, flag)
            } else if setting.reader.isSwitch {
                take("true", for: setting, .flag, flag)
            } else if let value = rest.first, !value.hasPrefix("--") {
                rest.removeFirst()
                take(value, for: setting, .flag, flag)
            } else {
                faults.append(ConfigurationFault(flag, "needs a value (\(setting.syntax))"))
            }
        }
    }

    /// Takes the values of variables; empty ones count as not set, unknown ones are not ours.
    mutating func takeEnvironment(_ environment: [String: String]) {
        for setting in Setting.all {
            for name in [setting.name] + setting.aliases {
                guard let text = environment[name], !text.isEmpty else { continue }
                take(text, for: setting, .environment, "\(name) (environment)")
            }
        }
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
                let (name, value) = try AssignmentLine.parse(line)
                guard let setting = Setting.named(name), setting.name != "PORTCULLIS_CONFIG" else {
                    throw ValueProblem("\(quoted(name)) is no setting; see portcullis help")
                }
                if let first = lineOfName[name], !setting.reader.isList {
                    throw ValueProblem("\(name) is given twice, first in line \(first)")
                }
                if setting.reader.isSecret, !isPrivate {
                    throw ValueProblem("\(name) holds secrets, but everybody can read this file; chmod 600")
                }
                lineOfName[name] = number
                if !value.isEmpty { take(value, for: setting, .file, "\(place): \(name)") }
            } catch {
                faults.append(ConfigurationFault(place, error.text))
            }
        }
    }

    /// The last value of a setting that has one.
    func last(_ name: String) -> GivenValue? { given[name]?.last }

    private mutating func take(
        _ text: String, for setting: Setting, _ level: GivenValue.Level, _ place: String
    ) {
        guard !text.isEmpty else {
            faults.append(ConfigurationFault(place, "is empty"))
            return
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            faults.append(ConfigurationFault(place, "holds a control character"))
            return
        }
        let pieces =
            setting.reader.isList ? text.split(separator: ",").map(AssignmentLine.trim) : [text[...]]
        let values = pieces.filter { !$0.isEmpty }.map {
            GivenValue(text: String($0), level: level, place: place)
        }
        if let before = given[setting.name]?.first, before.level == level, setting.reader.isList {
            given[setting.name]?.append(contentsOf: values)
        } else if given[setting.name].map({ $0[0].level <= level }) ?? true, !values.isEmpty {
            given[setting.name] = values
        }
    }

    /// True for a flag that would be a setting's if its value were no secret.
    private static func isSecret(flag: String) -> Bool {
        Setting.all.contains { setting in
            setting.flag == nil
                && ([setting.name] + setting.aliases).contains { Setting.flag(for: $0) == flag }
        }
    }

    private static func unknown(flag: String) -> ConfigurationFault {
        guard isSecret(flag: flag) else {
            return ConfigurationFault(quoted(flag), "is no option; see portcullis help")
        }
        return ConfigurationFault(
            flag, "others can read the command line; use PROXY_API_KEYS or --api-keys-file")
    }
}
