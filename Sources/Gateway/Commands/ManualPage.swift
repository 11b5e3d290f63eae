/// The manual page, portcullis(1), made of the tables that the program reads its command line by.
enum ManualPage {
    /// The page in the language of man(7).
    static var text: String {
        var page = """
            .TH PORTCULLIS 1 "" "portcullis \(Release.version)" "User commands"
            .SH NAME
            portcullis \\- hardened HTTPS endpoint in front of the claude CLI
            .SH SYNOPSIS

            """
        for (index, command) in Subcommand.allCases.enumerated() {
            if index > 0 { page += ".br\n" }
            page += ".B portcullis \(escaped(command.rawValue))\n\(escaped(command.arguments))\n"
        }
        page += """
            .SH DESCRIPTION
            Chat apps, SDKs and agents ask it in the dialects of OpenAI Chat Completions, OpenAI Responses or Anthropic
            Messages, each with a key of their own. It drives the official
            .B claude
            program and answers as the vendor's service would.
            .SH COMMANDS

            """
        for command in Subcommand.allCases { page += item(command.rawValue, command.summary) }
        page += """
            .SH OPTIONS
            Each is also an environment variable and a
            .I NAME=value
            line of the file that
            .B \\-\\-config
            names; the flag wins over the environment, the environment over the file.
            .B PORTCULLIS_
            may stand in front of every name. Times may have a unit (ms, s, m, h, d), sizes too (k and KiB are 1024, kB is
            1000). Lists are separated by commas; their flags can be repeated.

            """
        for section in Setting.Section.allCases {
            page += ".SS \(escaped(section.rawValue))\n"
            for setting in Setting.all where setting.section == section { page += entry(setting) }
        }
        page += """
            .SH KEYS
            Options of keys, behind
            .B portcullis key add
            .IR NAME ,
            behind
            .BR "portcullis key set" ,
            and behind a key of the key file.

            """
        for option in KeyOption.all { page += item("\(option.name)=\(option.syntax)", option.help) }
        page += """
            .SH EXIT STATUS
            .TP
            .B 0
            All went well.
            .TP
            .B 64
            The command line cannot be understood.
            .TP
            .B 65
            What was asked for is wrong, as a name that is taken.
            .TP
            .B 71
            The system gives no resources.
            .TP
            .B 78
            The configuration is wrong; each fault is one line on standard error.
            .SH SIGNALS
            .TP
            .B SIGHUP
            Reload everything, or nothing where it is faulty.
            .TP
            .B SIGTERM
            Accept nothing any more and end when what runs has ended; at once the second time.
            .SH SEE ALSO
            .BR systemctl (1),
            .BR journalctl (1)

            """
        return page
    }

    private static func entry(_ setting: Setting) -> String {
        let names = ([setting.name] + setting.aliases).joined(separator: ", ")
        let value = setting.reader.isSwitch ? "[\(setting.syntax)]" : setting.syntax
        let head = setting.flag.map { "\($0) \(value)" } ?? "\(setting.name)=\(value)"
        let flagless = setting.flag == nil ? "Has no flag. " : ""
        return item(head, "`\(names)`. \(flagless)\(setting.wholeHelp) Default: \(setting.fallback).")
    }

    private static func item(_ head: String, _ text: String) -> String { ".TP\n.B \"\(escaped(head))\"\n\(escaped(text))\n" }

    /// Plain text as man(7) must read it; words between back quotes are bold.
    static func escaped(_ text: String) -> String {
        var written = ""
        var isBold = false
        for scalar in text.unicodeScalars {
            switch scalar {
            case "`":
                isBold.toggle()
                written += isBold ? "\\fB" : "\\fR"
            case "\\": written += "\\e"
            case "-": written += "\\-"
            case "\"": written += "\\(dq"
            case "'": written += "\\(aq"
            case _ where !scalar.isASCII: written += "\\[u\(String(scalar.value, radix: 16, uppercase: true))]"
            default: written.unicodeScalars.append(scalar)
            }
        }
        // A line that begins so would be a request.
        return written.hasPrefix(".") ? "\\&\(written)" : written
    }
}
