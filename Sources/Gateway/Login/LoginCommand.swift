/// The command that logs the CLI in where the service looks for its login.
struct LoginCommand: Sendable, Equatable {
    /// To be pasted into a shell of the operator: that of the user itself, or root's where that user has none.
    let text: String

    /// The command for the CLI at `program` under `user`, whose login is kept in `directory`.
    init(user: ServiceUser, directory: String, stateDirectory: String, program: String) {
        let isOwnDirectory = user.home.map { "\($0)/.claude" == directory } ?? false
        let login = [program, "auth", "login"]
        let place = isOwnDirectory ? [] : ["CLAUDE_CONFIG_DIR=\(directory)"]
        var words: [String]
        if user.uid == 0 || user.canLogIn {
            words = (place.isEmpty ? [] : ["env"] + place) + login
        } else {
            // Root's own home is closed to that user.
            let become =
                user.name.map { ["runuser", "-u", $0] }
                ?? ["setpriv", "--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups"]
            words = become + ["--", "env", "HOME=\(stateDirectory)"] + place + login
        }
        text = words.map(Self.quoted).joined(separator: " ")
    }

    /// A word as a shell must read it; control characters are written as escapes, so that it stays one line.
    static func quoted(_ word: String) -> String {
        let isPlain = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "_-./:=@%+,".utf8.contains(byte)
            }
        }
        if !word.isEmpty, word.utf8.allSatisfy(isPlain) { return word }
        guard word.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }
        var text = "$'"
        for scalar in word.unicodeScalars {
            switch scalar {
            case "'", "\\": text += "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "'"
    }
}
