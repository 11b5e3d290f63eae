/// Makes foreign text fit for a log line.
enum Redaction {
    /// At most `limit` bytes of the text on one line, without anything that looks like a credential.
    static func clean(_ text: String, limit: Int = 500) -> String {
        var out = ""
        var word = ""
        var hidesNext = false
        func flush() {
            let isSecret = hidesNext || ["sk-ant-", "oat01", "eyJ", "portcullis-child-"].contains { word.contains($0) }
            hidesNext = word.lowercased().hasSuffix("bearer")
            out += isSecret && !word.isEmpty ? "[redacted]" : word
            word = ""
        }
        for character in text.unicodeScalars {
            guard out.utf8.count + word.utf8.count < limit else { break }
            if character.value <= 0x20 || character.value == 0x7F {
                flush()
                if !out.hasSuffix(" ") { out += " " }
            } else {
                word.unicodeScalars.append(character)
            }
        }
        flush()
        while out.hasSuffix(" ") { out.removeLast() }
        return out
    }
}
