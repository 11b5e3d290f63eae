import Platform
import Vocabulary

@testable import ClaudeCLI

/// A turn without a process: its machine is given recorded lines, and what it does is written down.
struct TurnRun {
    /// The reply's events, a line each.
    private(set) var events: [String] = []
    /// What was written, a portion or an answer each.
    private(set) var written: [String] = []
    /// True once the process was to be killed.
    private(set) var isKilled = false
    private(set) var machine: any TurnMachine
    private let start: Instant

    init(_ machine: any TurnMachine, at start: Instant = .now) {
        self.machine = machine
        self.start = start
        write(self.machine.begin(at: start))
    }

    /// A turn that answers a plan from some start.
    init(_ plan: TurnPlan, from start: StartingPoint = .fresh) {
        let portions = plan.script(from: start).portions
        if plan.counts {
            self.init(CountTurn(portions, servers: plan.servers, limits: CLILimits(), remedy: LoginRemedy()))
            return
        }
        let beginning: RelayTurn.Beginning = if case .fresh = start { .first } else { .later }
        self.init(RelayTurn(plan, portions, beginning, limits: CLILimits(), remedy: LoginRemedy()))
    }

    private mutating func write(_ rows: [ArraySlice<UInt8>]) {
        written.append(String(decoding: rows.joined(), as: UTF8.self))
    }

    /// Gives lines to the machine that come `milliseconds` after the start.
    mutating func take(_ lines: [String], after milliseconds: Int = 0) {
        for line in lines { take(Array(line.utf8), after: milliseconds) }
    }

    /// Gives what the CLI printed to the machine, cut into pieces of so many bytes.
    mutating func take(_ bytes: [UInt8], pieces: Int) throws {
        var splitter = LineSplitter()
        var rest = bytes[...]
        while !rest.isEmpty {
            unsafe splitter.receive { buffer in
                let part = rest.prefix(min(pieces, buffer.count))
                unsafe buffer.copyBytes(from: part)
                rest = rest.dropFirst(part.count)
                return part.count
            }
            var lines: [[UInt8]] = []
            try splitter.forEachLine { line in
                var copy: [UInt8] = []
                copy.append(copying: line)
                lines.append(copy)
                return true
            }
            for line in lines { take(line, after: 0) }
        }
    }

    private mutating func take(_ line: [UInt8], after milliseconds: Int) {
        let moment = Moment(instant: start + Milliseconds(milliseconds), unixSeconds: CLITrace.now)
        var said: [String] = []
        switch machine.take(line.span, at: moment, { said.append(CLITrace.describe($0, $1)) }) {
        case .goOn, .ignore: break
        case .write(let rows): write(rows)
        case .kill: isKilled = true
        }
        events += said
    }

    mutating func fail(_ fault: Fault) {
        var said: [String] = []
        machine.fail(fault) { said.append(CLITrace.describe($0, $1)) }
        events += said
    }

    /// The lines of a fixture.
    static func lines(_ name: String) -> [String] {
        Fixture.text(name).split(separator: "\n").map(String.init)
    }
}
