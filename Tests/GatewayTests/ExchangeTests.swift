import ClaudeCLI
import Ledger
import Platform
import TestSupport
import Testing
import Vocabulary

@testable import Gateway
@testable import Server

/// An exchange between a client that is no socket and a CLI that is a recording.
@Suite("The exchange")
struct ExchangeTests {
    private static let words = "Hello from the loopback upstream."

    // MARK: - Answers

    @Test("an answer is streamed as it comes, in each dialect's events", arguments: Ask.all(streams: true))
    func streamed(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            let (beginning, rest) = try [RecordedTurn.Step].recorded("text_stream", before: #""text":"loopback "#)
            let sentBefore = { !scene.channel.seen.body.isEmpty }
            scene.turns = [beginning + [.meanwhile { #expect(sentBefore()) }] + rest]
        }
        #expect(seen.status == 200 && seen.end == .finished)
        #expect(seen.fields["content-type"] == "text/event-stream; charset=utf-8")
        for word in Self.words.split(separator: " ") { #expect(seen.body.contains(word)) }
        #expect(seen.body.contains(Self.lastWords(of: ask)))
        #expect((seen.begun, seen.ended) == (1, 1))
        #expect(seen.log.contains("status=200") && seen.log.contains("output_tokens=9") && !seen.log.contains("fault="))
        #expect(seen.log.contains("out=\(seen.body.utf8.count) "))
    }

    @Test("a whole answer is one body", arguments: Ask.all(streams: false))
    func whole(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [try .recorded("text_stream")] }
        #expect(seen.status == 200 && seen.end == .whole)
        #expect(seen.fields["content-type"] == "application/json")
        #expect(seen.body.contains(Self.words))
        #expect((seen.begun, seen.ended) == (1, 1))
        #expect(seen.log.contains("out=\(seen.body.utf8.count) ") && seen.log.contains("output_tokens=9"))
    }

    @Test("tokens are counted", arguments: Ask.counts)
    func counted(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [[.counts(1234)]] }
        #expect(seen.status == 200 && seen.end == .whole && seen.body.contains(#""input_tokens":1234"#))
        #expect(seen.log.contains("input_tokens=1234") && seen.ended == 1)
    }

    // MARK: - Failures

    @Test("a failure before the first event has its true status", arguments: Ask.all(streams: true) + Ask.all(streams: false))
    func failsAtFirst(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [try .recorded("e529_retries2")] }
        #expect(seen.status == (ask.path == "/v1/messages" ? 529 : 503) && seen.end == .whole)
        #expect(seen.body.contains("overloaded") && seen.fields["retry-after"] != nil)
        #expect(seen.log.contains("status=\(seen.status)") && seen.log.contains("overloaded") && seen.ended == 1)
    }

    @Test("a failure behind the first event is told in the stream", arguments: Ask.all(streams: true))
    func failsInTheMiddle(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [try .recorded("mid_stream_close_no_fallback")] }
        #expect(seen.status == 200 && seen.end == .finished)
        #expect(seen.body.contains("from ") && seen.body.contains("The answer broke off in the middle"))
        #expect(!seen.body.contains(Self.lastWords(of: ask)))
        #expect(seen.log.contains("badGateway") && seen.ended == 1)
    }

    @Test("a failure in the middle of a whole answer has its true status", arguments: Ask.all(streams: false))
    func failsInTheMiddleOfABody(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [try .recorded("mid_stream_close_no_fallback")] }
        #expect(seen.status == 502 && seen.end == .whole && !seen.body.contains("Hello"))
        // Nothing had been promised, but the vendor has been paid for half of it.
        #expect((seen.begun, seen.ended) == (1, 1))
    }

    @Test("a sign of life is a promise: what fails behind it is told in the stream", arguments: Ask.all(streams: true))
    func failsBehindASign(ask: Ask) async throws {
        let seen = try await Scene.play(ask, pingSeconds: 0) { scene in
            scene.turns = [[.isSilent] + (try .recorded("e529_retries2"))]
        }
        #expect(seen.status == 200 && seen.end == .finished)
        #expect(seen.body.hasPrefix(ask.path == "/v1/messages" ? "event: ping" : ": keepalive"))
        #expect(seen.body.contains("overloaded"))
    }

    @Test("Codex hears of a failure in the stream, where it does not ask again")
    func codex() async throws {
        let ask = Ask.response(streams: true, fields: ["originator: codex_exec"])
        let seen = try await Scene.play(ask) { $0.turns = [try .recorded("e529_retries2")] }
        #expect(seen.status == 200 && seen.end == .finished && seen.body.contains("response.failed"))
        #expect(seen.log.contains("status=200") && seen.log.contains("overloaded"))
    }

    @Test("a count that fails has its true status", arguments: Ask.counts)
    func countFails(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { $0.turns = [try .recorded("not_logged_in")] }
        #expect(seen.status == 503 && seen.end == .whole && seen.ended == 1)
    }

    // MARK: - Departures and ends

    @Test(
        "a turn whose client goes is broken off, and nothing of it is left",
        arguments: Ask.all(streams: true) + Ask.all(streams: false) + Ask.counts)
    func clientGoes(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            let (beginning, rest) = try [RecordedTurn.Step].recorded("text_stream", before: #""text":"loopback "#)
            scene.turns = [beginning + [.meanwhile { scene.channel.isClientGone = true }] + rest]
        }
        #expect(seen.end == .cut && !seen.body.contains("loopback"))
        #expect(seen.steps == 2 && seen.ended == 1)
        #expect(seen.log.contains("status=499") && seen.log.contains("the client has gone"))
    }

    @Test(
        "a service that ends says so by the status, as long as it can",
        arguments: Ask.all(streams: true) + Ask.all(streams: false) + Ask.counts)
    func serviceEnds(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            let (beginning, rest) = try [RecordedTurn.Step].recorded("text_stream", before: "content_block_start")
            scene.turns = [beginning + [.meanwhile { scene.seat.state.enter(.ending) }] + rest]
        }
        #expect(seen.status == 503 && seen.end == .whole && seen.body.contains("being stopped"))
        #expect(seen.steps == 2 && seen.ended == 1)
    }

    @Test("a service that ends in the middle of a stream says so in the stream", arguments: Ask.all(streams: true))
    func serviceEndsInTheMiddle(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            let (beginning, rest) = try [RecordedTurn.Step].recorded("text_stream", before: #""text":"loopback "#)
            scene.turns = [beginning + [.meanwhile { scene.seat.state.enter(.ending) }] + rest]
        }
        #expect(seen.status == 200 && seen.end == .finished && seen.body.contains("being stopped"))
        #expect(!seen.body.contains(Self.lastWords(of: ask)) && seen.ended == 1)
    }

    @Test("while a client takes nothing the CLI is not read", arguments: Ask.all(streams: true))
    func slowTaker(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            let (beginning, rest) = try [RecordedTurn.Step].recorded("text_stream", before: #""text":"loopback "#)
            scene.turns = [beginning + rest]
            scene.channel.onSend = { [channel = scene.channel, supply = scene.supply, loop = scene.seat.loop] _ in
                let steps = supply.begun.map(\.steps)
                let alarm = Alarm(on: loop, waking: channel.wakeup)
                alarm.deadline = loop.now + Milliseconds(20)
                while !alarm.isDue { await channel.wakeup.wait() }
                alarm.cancel()
                #expect(supply.begun.map(\.steps) == steps)
                return true
            }
        }
        #expect(seen.status == 200 && seen.end == .finished && seen.body.contains(Self.lastWords(of: ask)))
    }

    @Test("a client that takes nothing for too long is given up", arguments: Ask.all(streams: true))
    func stalledTaker(ask: Ask) async throws {
        let seen = try await Scene.play(ask) { scene in
            let (beginning, rest) = try [RecordedTurn.Step].recorded("text_stream", before: #""text":"loopback "#)
            scene.turns = [beginning + rest]
            scene.channel.onSend = { _ in false }
        }
        #expect(seen.end == .cut && seen.steps == 1 && seen.ended == 1)
        #expect(seen.log.contains("status=499"))
    }

    @Test("a writer that nobody uses cuts the request off")
    func droppedWriter() async throws {
        let channel = SceneChannel(try Scene.request(.chat(streams: false)), body: [])
        Self.drop(ResponseWriter(channel))
        #expect(channel.seen.end == .cut && channel.seen.status == 0)
    }

    private static func drop(_ writer: consuming ResponseWriter) {}

    // MARK: - What is stored

    @Test("a response is on the disk before its end is sent")
    func stored() async throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.path(of: "ledger.sqlite"))
        let seen = try await Scene.play(.response(streams: true), ledger: ledger) { scene in
            scene.turns = [try .recorded("text_stream")]
            scene.channel.onSend = { text in
                guard text.contains("response.completed") else { return true }
                #expect(await Self.isStored(in: text, ledger))
                return true
            }
        }
        #expect(seen.body.contains("response.completed") && seen.end == .finished)
        let whole = try await Scene.play(.response(streams: false), ledger: ledger) {
            $0.turns = [try .recorded("text_stream")]
        }
        #expect(whole.status == 200)
        #expect(await Self.isStored(in: whole.body, ledger))
    }

    @Test("a response that cannot be stored is no success", arguments: [true, false])
    func notStored(streams: Bool) async throws {
        let scratch = try Scratch()
        let ledger = try Ledger(path: scratch.path(of: "ledger.sqlite"))
        ledger.close()
        let seen = try await Scene.play(.response(streams: streams), ledger: ledger) {
            $0.turns = [try .recorded("text_stream")]
        }
        #expect(seen.status == (streams ? 200 : 503) && !seen.body.contains("response.completed"))
        #expect(seen.body.contains("cannot be reached at the moment") && seen.ended == 1)
        #expect(seen.log.contains("unavailable"))
    }

    // MARK: - Pieces

    /// What ends a stream that has ended well.
    private static func lastWords(of ask: Ask) -> String {
        switch ask.path {
        case "/v1/messages": "message_stop"
        case "/v1/responses": "response.completed"
        default: #""finish_reason":"stop""#
        }
    }

    /// True when the first response that `text` names can be found.
    private static func isStored(in text: String, _ ledger: Ledger) async -> Bool {
        guard let start = text.firstRange(of: #""id":"resp_"#)?.lowerBound else { return false }
        let id = String(text[start...].dropFirst(6).prefix { $0 != "\"" })
        return await withCheckedContinuation { continuation in
            ledger.responses.find(id, .answer, for: Reader(owner: "first", notBefore: 0)) { result in
                continuation.resume(returning: (try? result.get()) != nil)
            }
        }
    }
}
