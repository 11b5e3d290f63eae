extension Configuration {
    /// The text of `portcullis help`.
    static func helpText() -> String {
        var text = """
            portcullis: one hardened HTTPS endpoint in front of the claude CLI

            \(Subcommand.usages)

            Each option is also an environment variable and a NAME=value line of the file that --config
            names; the flag wins over the environment, the environment over the file. PORTCULLIS_ may
            stand in front of every name; in the environment it wins over the bare name. Times may have
            a unit (ms, s, m, h, d), sizes too (k and KiB are 1024, kB is 1000). Lists are separated by
            commas; their flags can be repeated.

            """
        for section in Setting.Section.allCases {
            text += "\n\(section.rawValue)\n"
            for setting in Setting.all where setting.section == section {
                text += helpEntry(setting)
            }
        }
        return text
    }

    /// The settings as Markdown tables, for `deploy/docs/settings.md`.
    static func referenceMarkdown() -> String {
        var text = ""
        for section in Setting.Section.allCases {
            text += "## \(section.rawValue)\n\n"
            text += "| Variable | Flag | Value | Default | Meaning |\n|---|---|---|---|---|\n"
            for setting in Setting.all where setting.section == section {
                text += markdownRow(setting)
            }
            text += "\n"
        }
        text.removeLast()
        return text
    }

    /// The settings in one Markdown table, a line for each, for the README.
    static func briefMarkdown() -> String {
        var text = "| Setting | Default | |\n|---|---|---|\n"
        for section in Setting.Section.allCases {
            for setting in Setting.all where setting.section == section {
                let names = ([setting.name] + setting.aliases).map { "`\($0)`" }.joined(separator: ", ")
                text += markdownRow([names, setting.fallback, firstSentence(of: setting.help)])
            }
        }
        return text
    }

    private static func firstSentence(of text: String) -> String {
        guard let end = text.firstRange(of: ". ") else { return text }
        return String(text[...end.lowerBound])
    }

    private static func markdownRow(_ setting: Setting) -> String {
        let names = ([setting.name] + setting.aliases).map { "`\($0)`" }.joined(separator: ", ")
        let flag = setting.flag.map { "`\($0)`" } ?? "–"
        return markdownRow([names, flag, setting.syntax, setting.fallback, setting.wholeHelp])
    }

    /// The row of a Markdown table with these cells.
    static func markdownRow(_ cells: [String]) -> String {
        let escaped = cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
        return "| \(escaped.joined(separator: " | ")) |\n"
    }

    private static func helpEntry(_ setting: Setting) -> String {
        let value = setting.reader.isSwitch ? " [\(setting.syntax)]" : " \(setting.syntax)"
        let names = ([setting.name] + setting.aliases).joined(separator: ", ")
        let head = setting.flag.map { "\($0)\(value)" } ?? "(no flag: \(setting.syntax))"
        let text = "\(names). \(setting.wholeHelp) Default: \(setting.fallback)."
        return "  \(head)\n\(wrapped(String(text.filter { $0 != "`" })))"
    }

    /// The words in lines of at most 96 columns, indented by six.
    static func wrapped(_ text: String) -> String {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let line = lines.last, line.count + word.count < 96 {
                lines[lines.count - 1] = "\(line) \(word)"
            } else {
                lines.append("      \(word)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
