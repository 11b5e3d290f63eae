extension Setting {
    /// A variable by which similar programs mean what a setting of ours says.
    ///
    /// It is understood in the environment and in a file, and has no flag. Programs that are not similar use such names
    /// too: a bare variable is told, and passed over where its value does not fit.
    struct ForeignName: Sendable {
        /// The variable.
        let name: String
        /// How its values are read; nil as the setting's own are.
        let reader: Reader?

        init(_ name: String, _ reader: Reader? = nil) {
            self.name = name
            self.reader = reader
        }
    }

    /// How a value is read that was written under one of the setting's names, or one of them behind `PORTCULLIS_`.
    func reader(for name: String) -> Reader {
        foreignNames.first { $0.name == name || Self.prefixed($0.name) == name }?.reader ?? reader
    }

    /// The row's own foreign names, and those of other wrappers of the CLI.
    var foreignNames: [ForeignName] { foreign + OtherWrappers.names(of: name) }

    /// One sentence or more, foreign names included.
    var wholeHelp: String {
        guard !foreign.isEmpty else { return help }
        return "\(help) Understood too: \(foreign.map { "`\($0.name)`" }.joined(separator: ", "))."
    }
}

extension Setting.Reader {
    /// A time in milliseconds for a setting in seconds, rounded up.
    static func milliseconds(seconds range: ClosedRange<Int>, _ field: Setting.Field<Int>) -> Self {
        let unit = TimeUnit.milliseconds
        return Self(syntax: unit.rawValue, fallback: "") { (configuration, text) throws(ValueProblem) in
            guard let value = DecimalText.parseTime(text, in: unit), value <= range.upperBound * 1000,
                range.contains((value + 999) / 1000)
            else {
                let bounds = "from \(max(0, (range.lowerBound - 1) * 1000 + 1)) to \(range.upperBound * 1000)"
                throw ValueProblem("\(quoted(text)) is not a whole number of ms \(bounds); write \(unit.examples)")
            }
            configuration[keyPath: field] = (value + 999) / 1000
        }
    }
}
