import Glibc

// A stand-in for the `claude` command line program: it speaks the same stream-json protocol on its standard
// streams, needs no login and no network, and says what it is in every default answer. Flags are accepted
// and, but for `--model` and `--version`, ignored.

// Before the arguments, which Swift reads from /proc: within walls that is closed to all but the CLI itself.
if unsafe getenv(Standin.deserterMark) != nil { sleepForever() }
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
    var memory = Memory()
    /// What is to go wrong at which event; see `Marker`.
    var deeds: [String: String] = [:]
    private var input = Input()
    /// Rows that came while the answer to something else was waited for.
    private var waiting: ArraySlice<Row> = []
    private var lastWasError = false
    /// True once a row had a block of a kind that the vendor does not know: like it, nothing is answered then.
    private(set) var holdsUnheardOf = false

    init(arguments: [String]) {
        var model = "sonnet"
        if let flag = arguments.firstIndex(of: "--model"), flag + 1 < arguments.count {
            model = arguments[flag + 1]
        }
        state = TurnState(model: model)
    }

    /// Serves rows until the end of standard input; returns the exit status.
    mutating func run() -> Int32 {
        while let row = waiting.popFirst() ?? nextRow() { serve(row) }
        guard !input.isEmpty else {
            complain("Error: Input must be provided through stdin when using --print\n")
            return 1
        }
        return lastWasError ? 1 : 0
    }

    /// The next row; a line that is not JSON ends the process, as it ends the real one.
    private mutating func nextRow() -> Row? {
        guard let line = input.nextLine() else { return nil }
        if let row = Row(parsing: line) { return row }
        complain("Error parsing streaming input line\n")
        exit(1)
    }

    private mutating func serve(_ row: Row) {
        if row.isUnheardOf { holdsUnheardOf = true }
        switch row.kind {
        case .control: answerControl(row)
        case .user:
            _ = perform(at: "user")
            guard memory.admits(row) else { return }
            memory.note(row)
            if row.asksForAnswer { lastWasError = answer(row) } else { acknowledge(row) }
        case .assistant: memory.note(row)
        case .answer, .other: break
        }
    }

    /// Waits until something asked is answered, serving control requests meanwhile.
    mutating func awaitAnswer(to id: String) -> Row {
        while let row = nextRow() {
            switch row.kind {
            case .answer where row.requestID == Array(id.utf8): return row
            case .control: answerControl(row)
            case .user, .assistant: waiting.append(row)
            case .answer, .other: break
            }
        }
        exit(0)
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
        state.tools = memory.tools.names
        output.line(Template.systemInit, &state)
        output.flush()
    }

    /// Prints what every turn ends with, after its `result`.
    mutating func closeTurn(_ row: Row) {
        if !row.uuid.isEmpty { output.line(Template.completed, &state) }
        output.flush()
        state.resultIndex += 1
        _ = perform(at: "result")
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
