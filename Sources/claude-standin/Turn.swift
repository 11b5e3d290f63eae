import Glibc

/// What the newest user text asks the stand-in to do: `standin:NAME ARGUMENTS…` anywhere in it.
///
/// Answers: `echo TEXT`, `words N`, `events N INTERVAL_US` (0: flat out), `stop REASON`,
/// `usage INPUT CREATED READ`, `delay MS`, `calls COUNT NAME [INPUT]` (of a client's tool).
///
/// Of a process that serves many turns: `recall` answers with all it holds, as JSON. `at EVENT DEED` has it do
/// something once, later: at the `result` of this turn, at the next row of a `user`, or at the next control request
/// of some subtype (`rewind_conversation`, `apply_flag_settings`, …) it will `die`, `hang`, print `late` lines of the
/// turn before, or `refuse` the request.
///
/// Failures as the real program words them: `status CODE [RETRIES]`, `limit SECONDS`, `nologin`.
///
/// Misbehaviour: `exit CODE`, `die N` (after N deltas), `stderr TEXT`, `hang`, `stall` (hangs after a delta),
/// `stubborn` (hangs and ignores SIGTERM), `child` (hangs beside a child of its own), `garbage`, `half` (ends
/// within a UTF-8 sequence), `greedy MIB` (takes memory and keeps it), `threads N` (starts as many as it may),
/// `deserter` (leaves a process behind in a session of its own), `longline BYTES`, `flood BYTES` (to stderr), `slowread` (reads no further;
/// also in a history row, or in a row whose end has not come yet).
struct Marker {
    let name: String
    /// The rest of the marker's line, still escaped as in JSON.
    let rest: ArraySlice<UInt8>

    init?(in text: [UInt8]) {
        var start = 0
        if let found = text.find("standin:") {
            start = found + 8
        } else if let found = text.find("scenario:echo ") {
            start = found + 9
        } else {
            return nil
        }
        let line = text[start..<text.endOfLine(from: start)]
        let end = line.firstIndex(of: UInt8(ascii: " ")) ?? line.endIndex
        name = String(decoding: line[..<end], as: UTF8.self)
        rest = line[min(end + 1, line.endIndex)...]
    }

    /// The argument at `index` as a number, or 0.
    func number(_ index: Int = 0) -> Int {
        let words = rest.split(separator: UInt8(ascii: " "))
        guard index < words.count else { return 0 }
        return words[index].reduce(0) { $0 &* 10 &+ Int($1 &- UInt8(ascii: "0")) }
    }
}

extension Standin {
    /// Answers a user row; true when the turn ended with an error.
    mutating func answer(_ row: Row) -> Bool {
        openTurn(row)
        let marker = Marker(in: holdsUnheardOf ? Array("standin:status 400".utf8) : row.text)
        if marker?.name == "exit" { exit(Int32(truncatingIfNeeded: marker?.number() ?? 1)) }
        if marker?.name == "stderr" {
            complain(String(decoding: marker?.rest ?? [], as: UTF8.self) + "\n")
            exit(1)
        }
        memory.beginTurn()
        output.line(Template.requesting, &state)
        output.flush()
        state.usage = (25, 0, 0)
        let failed = perform(marker, row)
        closeTurn(row)
        return failed
    }

    private mutating func perform(_ marker: Marker?, _ row: Row) -> Bool {
        guard let marker else {
            reply(Array("This is claude-standin, not a model: it needs no login and knows nothing. ".utf8)
                + Array("You wrote: ".utf8) + row.text.prefix(units: 80))
            return false
        }
        switch marker.name {
        case "echo":
            let isScenario = row.text.find("standin:") == nil
            reply((isScenario ? Array("echo: ".utf8) : []) + marker.rest)
        case "words": reply(Array((0..<marker.number()).map { "w\($0 + 1)" }.joined(separator: " ").utf8))
        case "events": stream(count: marker.number(), every: marker.number(1))
        case "stop": stop(String(decoding: marker.rest, as: UTF8.self))
        case "usage":
            state.usage = (marker.number(), marker.number(1), marker.number(2))
            reply(Array("counted".utf8))
        case "delay":
            usleep(UInt32(marker.number() * 1_000))
            reply(Array("delayed".utf8))
        case "calls": call(marker)
        case "recall": reply(memory.recalled)
        case "at":
            let words = String(decoding: marker.rest, as: UTF8.self).split(separator: " ").map(String.init)
            if words.count == 2 { deeds[words[0]] = words[1] }
            reply(Array("noted".utf8))
        case "status", "limit", "nologin":
            fail(marker)
            return true
        default: misbehave(marker)
        }
        return false
    }

    // MARK: - Answers

    /// Streams `text` word by word and finishes the turn.
    mutating func reply(_ text: [UInt8]) {
        beginMessage()
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: UInt8(ascii: " ")).map { $0 + 1 } ?? text.count
            delta(text[start..<end])
            start = end
        }
        finish(text, stopReason: "end_turn")
    }

    /// `count` deltas of a typical length, one every `interval` µs by the clock, or as fast as they are read.
    private mutating func stream(count: Int, every interval: Int) {
        beginMessage()
        // With this text a line is 390 bytes long, the usual length of a delta of the real program.
        let piece = Array(String(repeating: "lorem ipsum ", count: 11).utf8.prefix(Template.typicalText))
        state.text = piece
        var line: [UInt8] = []
        Output.render(Template.delta, &state, to: &line)
        line.append(UInt8(ascii: "\n"))
        let identifier = (line.find("\"uuid\":\"") ?? 0) + 8
        var text: [UInt8] = []
        text.reserveCapacity(count * piece.count)
        var next = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &next)
        for _ in 0..<count {
            if interval > 0 {
                next.tv_nsec += interval * 1_000
                next.tv_sec += next.tv_nsec / 1_000_000_000
                next.tv_nsec %= 1_000_000_000
                while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nil) == EINTR {}
            }
            state.patchSerial(in: &line, at: identifier)
            output.append(bytes: line)
            if interval > 0 || output.count > 16_384 - line.count { output.flush() }
            state.deltas += 1
            text.append(contentsOf: piece)
        }
        finish(text, stopReason: "end_turn")
    }

    /// An answer that ends for `reason`; like the real program it asks on by itself after `max_tokens`.
    private mutating func stop(_ reason: String) {
        let text = Array("This answer is cut off in the".utf8)
        beginMessage()
        delta(text[...])
        guard reason == "max_tokens" else { return finish(text, stopReason: reason) }
        endMessage(text, stopReason: reason)
        output.line(Template.resume, &state)
        output.line(Template.requesting, &state)
        output.flush()
        usleep(20_000)
        reply(Array("This second request was never asked for.".utf8))
    }

    private mutating func beginMessage() {
        state.deltas = 0
        state.call.index = 0
        state.messages += 1
        output.line(Template.messageStart, &state)
        output.flush()
        output.line(Template.blockStart, &state)
        output.flush()
    }

    private mutating func delta(_ text: ArraySlice<UInt8>) {
        state.deltas += 1
        state.text = Array(text)
        output.line(Template.delta, &state)
        output.flush()
    }

    private mutating func endMessage(_ text: [UInt8], stopReason: String) {
        memory.noteAnswer(text)
        state.text = text
        state.stopReason = stopReason
        for template in [Template.assistant, Template.blockStop] {
            output.line(template, &state)
            output.flush()
        }
        endAnswer()
    }

    /// What every answer ends with.
    mutating func endAnswer() {
        for template in [Template.messageDelta, Template.messageStop] {
            output.line(template, &state)
            output.flush()
        }
        if state.messages == 1 { output.line(Template.rateLimit, &state) }
    }

    private mutating func finish(_ text: [UInt8], stopReason: String) {
        endMessage(text, stopReason: stopReason)
        state.terminalReason = "completed"
        output.line(Template.result, &state)
    }

    // MARK: - Failures

    private mutating func fail(_ marker: Marker) {
        if marker.name == "limit" { state.resetsAt = Int(time(nil)) + marker.number() }
        let failure = Failure(marker.name == "status" ? marker.number() : marker.name == "limit" ? 1 : 0)
        state.failure = failure
        for attempt in 0..<(marker.name == "status" ? marker.number(1) : 0) {
            state.deltas = attempt + 1
            output.line(Template.retry, &state)
            output.flush()
            usleep(10_000)
        }
        if failure.isUsageLimit {
            output.line(Template.limitReached, &state)
        } else if failure.status == "429" {
            output.line(Template.rejected, &state)
        }
        state.text = Array(failure.text.utf8)
        output.line(Template.failedAssistant, &state)
        output.line(Template.failedResult, &state)
    }

    /// What no well-behaved program does.
    private mutating func misbehave(_ marker: Marker) {
        switch marker.name {
        case "stubborn":
            signal(SIGTERM, SIG_IGN)
            sleepForever()
        case "child":
            spawnSleeper()
            sleepForever()
        case "stall", "die", "half":
            beginMessage()
            for index in 0..<max(1, marker.number()) { delta(Array("d\(index) ".utf8)[...]) }
            if marker.name == "half" {
                output.append(Template.halfDelta)
                output.append(bytes: [0xE2, 0x82])
                output.flush()
            }
            if marker.name == "stall" { sleepForever() }
            exit(marker.name == "die" ? 1 : 0)
        case "garbage":
            output.append("{\"type\":\"stream_event\",\"event\":{]\u{7}\nwarning: not JSON at all\n")
            reply(Array("after garbage".utf8))
        case "longline":
            beginMessage()
            delta(Array(repeating: UInt8(ascii: "x"), count: marker.number())[...])
            finish(Array("longline".utf8), stopReason: "end_turn")
        case "flood":
            complain(String(repeating: "x", count: marker.number()))
            reply(Array("flooded".utf8))
        case "hang", "slowread": sleepForever()
        case "greedy": reply(Array(takeMemory(mebibytes: marker.number()).utf8))
        case "threads": reply(Array(startThreads(marker.number()).utf8))
        case "deserter": reply(Array(leaveDeserter().utf8))
        default: reply(Array("unknown marker".utf8))
        }
    }

    private func spawnSleeper() {
        var child: pid_t = 0
        var words = unsafe [strdup("sleep"), strdup("600"), nil]
        _ = unsafe posix_spawnp(&child, "sleep", nil, nil, &words, nil)
    }
}
