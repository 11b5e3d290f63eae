import Glibc

/// What the commands print.
enum Terminal {
    /// One or more lines to standard output.
    static func say(_ text: String) { write(text, to: 1) }

    /// One or more lines to standard error, as they are.
    static func tell(_ text: String) { write(text, to: 2) }

    /// One or more lines to standard error, with the program's name.
    ///
    /// `journal` is the variable JOURNAL_STREAM: where standard error is the journal, the lines are errors there too.
    static func complain(_ text: String, journal: String? = nil) {
        let priority = Log.isJournal(2, stream: journal) ? "<3>" : ""
        for line in text.split(separator: "\n") { write("\(priority)portcullis: \(line)", to: 2) }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
