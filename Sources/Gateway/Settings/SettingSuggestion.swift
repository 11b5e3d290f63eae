extension Suggestion {
    /// The setting that somebody meant by a flag, a line or a variable, by the spelling that he should have used.
    static func setting(for written: String, _ nearness: Nearness = .faults) -> (setting: Setting, name: String)? {
        let word = written.uppercased().drop { $0 == "-" }
        let name = bare(String(word.map { $0 == "-" ? "_" : $0 }))
        // What is near a name of others may be theirs as well.
        let known = Setting.all.lazy.flatMap { nearness == .faults ? $0.known : $0.names }
        guard let found = nearest(to: name, among: known.map(bare), nearness),
            let setting = Setting.named(found) ?? Setting.named(Setting.prefixed(found))
        else { return nil }
        return (setting, setting.names.contains(found) ? found : setting.name)
    }

    private static func bare(_ name: String) -> String {
        name.hasPrefix(Setting.prefix) ? String(name.dropFirst(Setting.prefix.utf8.count)) : name
    }

    /// The end of a message of a line or a variable.
    static func question(_ name: String?, else advice: String = "see portcullis help") -> String {
        name.map { "did you mean \($0)?" } ?? advice
    }
}
