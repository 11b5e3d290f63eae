import Glibc

// A stand-in for the `claude` command line program: it speaks the same stream-json protocol on its standard
// streams, needs no login and no network, and says what it is in every default answer. Flags are accepted
// and, but for `--model` and `--version`, ignored.

if CommandLine.arguments.contains("--version") || CommandLine.arguments.contains("-v") {
    var output = Output()
    output.append("0.0.0 (claude-standin)\n")
    output.flush()
    exit(0)
}
var standin = Standin(arguments: CommandLine.arguments)
exit(standin.run())

/// One process: rows come in, each is answered before the next is read.
struct Standin {
    var output = Output()
    var state: TurnState
    private var pending: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 16_384)
    private var lastWasError = false

    init(arguments: [String]) {
        var model = "sonnet"
        if let flag = arguments.firstIndex(of: "--model"), flag + 1 < arguments.count {
            model = arguments[flag + 1]
        }
        state = TurnState(model: model)
    }

    /// Serves rows until the end of standard input; returns the exit status.
    mutating func run() -> Int32 {
        var isEmpty = true
        while true {
            let start = pending.count
            guard readMore() else { break }
            isEmpty = false
            guard pending[start...].contains(UInt8(ascii: "\n")) else {
                stopReadingIfAsked()
                continue
            }
            guard serveWholeLines() else { return 1 }
        }
        guard !isEmpty else {
            complain("Error: Input must be provided through stdin when using --print\n")
            return 1
        }
        // The real program also takes a last line without its newline.
        if !pending.isEmpty, !serve(pending[...]) { return 1 }
        return lastWasError ? 1 : 0
    }

    private mutating func serveWholeLines() -> Bool {
        var start = 0
        while let end = pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if end > start, !serve(pending[start..<end]) { return false }
            start = end + 1
        }
        pending.removeSubrange(..<start)
        return true
    }

    private mutating func readMore() -> Bool {
        var got = 0
        repeat {
            got = unsafe chunk.withUnsafeMutableBytes { unsafe read(0, $0.baseAddress, $0.count) }
        } while got < 0 && errno == EINTR
        guard got > 0 else { return false }
        pending.append(contentsOf: chunk[..<got])
        return true
    }

    /// `standin:slowread` in a row that is still arriving: nothing more is read, the writer's pipe fills up.
    private func stopReadingIfAsked() {
        guard pending.count <= 65_536, pending.find("standin:slowread") != nil else { return }
        sleepForever()
    }

    /// Answers one row; false ends the process as a line that is not JSON ends the real one.
    private mutating func serve(_ line: ArraySlice<UInt8>) -> Bool {
        guard let row = Row(parsing: line.span) else {
            complain("Error parsing streaming input line\n")
            return false
        }
        switch row.kind {
        case .control: answerControl(row)
        case .user where row.asksForAnswer: lastWasError = answer(row)
        case .user: acknowledge(row)
        case .assistant, .other: break
        }
        return true
    }

    private mutating func answerControl(_ row: Row) {
        state.requestID = row.requestID
        if row.subtype == "initialize" {
            output.line(Template.initialized, &state)
        } else if row.subtype == "get_context_usage" {
            output.line(Template.contextUsage, &state)
        } else if row.subtype == "apply_flag_settings" || row.subtype == "set_model" {
            if let model = row.model { state.model = TurnState.resolve(model) }
            output.line(Template.controlSuccess, &state)
        } else if Row.silentlyGranted.contains(row.subtype) {
            output.line(Template.controlSuccess, &state)
        } else {
            state.text = Array(row.subtype.utf8)
            output.line(Template.controlUnsupported, &state)
        }
        output.flush()
    }

    /// A history row: the program prints a turn without an answer.
    private mutating func acknowledge(_ row: Row) {
        if row.text.find("standin:slowread") != nil { sleepForever() }
        openTurn(row)
        output.line(Template.emptyResult, &state)
        closeTurn(row)
    }

    /// Prints what every turn begins with, up to `system/init`.
    mutating func openTurn(_ row: Row) {
        state.commandUUID = row.uuid
        state.messagesBefore = state.messages
        if !row.uuid.isEmpty {
            output.line(Template.queued, &state)
            output.line(Template.started, &state)
        }
        output.line(Template.systemInit, &state)
        output.flush()
    }

    /// Prints what every turn ends with, after its `result`.
    mutating func closeTurn(_ row: Row) {
        if !row.uuid.isEmpty { output.line(Template.completed, &state) }
        output.flush()
        state.resultIndex += 1
    }
}

/// Writes to standard error.
func complain(_ text: String) {
    var output = Output(descriptor: 2)
    output.append(bytes: Array(text.utf8))
    output.flush()
}

/// Reads nothing, writes nothing, until killed.
func sleepForever() -> Never {
    while true { pause() }
}
