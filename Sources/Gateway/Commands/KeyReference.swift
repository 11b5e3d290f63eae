extension KeyOption {
    /// The text of `portcullis help key`.
    static func helpText() -> String {
        let forms = KeyCommand.forms.enumerated().map { index, form in
            "\(index == 0 ? "usage: " : "       ")portcullis key \(form.word) \(form.arguments)"
        }
        var text = """
            \(forms.joined(separator: "\n"))

            Keys of the ledger, in the running service or in the state directory of one that is stopped.
            What is changed is in force when the command returns, without a reload. A key is printed
            once, as NAME:KEY. An empty value takes an option away. Where the service's settings lie is
            said as to serve, with --config FILE or --state-dir FOLDER behind all else.

            Options, also behind a key of the key file

            """
        for option in all {
            text += "  \(option.name)=\(option.syntax)\n\(Configuration.wrapped(option.plainHelp))"
        }
        text.removeLast()
        return text
    }

    /// The options as a Markdown table, for `deploy/docs/keys.md`.
    static func referenceMarkdown() -> String {
        var text = "| Option | Value | Meaning |\n|---|---|---|\n"
        for option in all { text += Configuration.markdownRow(["`\(option.name)`", option.syntax, option.help]) }
        return text
    }

    private var plainHelp: String { help.filter { $0 != "`" } }
}
