import Vocabulary

extension Setting.Reader {
    /// One key, whatever characters it holds: a comma in it would else make two short keys of it.
    static var singleKey: Self {
        var reader = Self.inlineKeys
        reader.isList = false
        return reader
    }

    /// Origins as a JSON array of strings, or with commas between them.
    static var originsAsJSON: Self {
        var reader = Self.origins
        reader.isList = false
        reader.apply = { (configuration, text) throws(ValueProblem) in
            for origin in try elements(text) { try configuration.cors.add(origin) }
        }
        return reader
    }

    private static func elements(_ text: String) throws(ValueProblem) -> [String] {
        guard text.hasPrefix("[") else {
            return text.split(separator: ",").map { String(AssignmentLine.trim($0)) }.filter { !$0.isEmpty }
        }
        let problem = ValueProblem("\(quoted(text)) is no JSON array of strings")
        let document: JSONDocument
        do throws(JSONError) { document = try JSONDocument(parsing: Array(text.utf8)) } catch { throw problem }
        var elements: [String] = []
        for element in document.root.elements {
            guard let origin = element.text else { throw problem }
            elements.append(origin.string)
        }
        return elements
    }

    /// `1` for a log of everything; `0` for what is usual.
    static var debugSwitch: Self {
        Self(syntax: "0|1", fallback: "0") { (configuration, text) throws(ValueProblem) in
            switch text.lowercased() {
            case "1", "true", "yes", "on": configuration.logging.level = .debug
            case "0", "false", "no", "off": break
            default: throw ValueProblem("\(quoted(text)) is neither 1 nor 0")
            }
        }
    }
}
