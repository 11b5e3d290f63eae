import Glibc
import Platform
import Server
import Testing

@testable import Gateway

@Suite("Serving: deadlines, departures and the end of the service", .timeLimit(.minutes(2)))
struct ServingEndsTests {
    // MARK: - Deadlines

    @Test("a body that comes too slowly is refused and its connection ended")
    func slowBody() async throws {
        let client = try RawClient(try await TestService { $0.limits.bodyIdleSeconds = 1 })
        client.send(RawClient.request("POST", "/v1/messages", ["content-length: 100"]) + "{")
        let answer = try client.answer()
        #expect(answer.status == 408)
        #expect(answer.fields["connection"] == "close")
        #expect(client.isEnded())
    }

    @Test("a head that comes too slowly is refused")
    func slowHead() async throws {
        let client = try RawClient(try await TestService { $0.limits.requestHeadSeconds = 1 })
        client.send("GET /health HTTP/1.1\r\nhost: ")
        #expect(try client.answer().status == 408)
        #expect(client.isEnded())
    }

    @Test("the beginning of a head behind a turn's request has a deadline of its own")
    func leftOver() async throws {
        let client = try RawClient(try await TestService { $0.limits.requestHeadSeconds = 1 })
        client.send(RawClient.chat("standin:echo first") + "G")
        #expect(try client.answer().status == 200)
        #expect(try client.answer().status == 408)
        #expect(client.isEnded())
    }

    @Test("a connection that never asks is ended without a word, and one that is idle after a request as well")
    func idle() async throws {
        let service = try await TestService {
            $0.limits.requestHeadSeconds = 1
            $0.limits.keepAliveSeconds = 1
        }
        let silent = try RawClient(service)
        let idle = try RawClient(service)
        #expect(try idle.exchange("GET", "/health").status == 200)
        #expect(silent.isEnded())
        #expect(idle.isEnded())
    }

    // MARK: - Departures

    @Test("when the client goes, the process group dies and the permit comes back", arguments: ["stall", "hang", "stubborn"])
    func clientGoes(marker: String) async throws {
        let watch = try ChildWatch()
        let path = watch.path
        let service = try await TestService {
            $0.maxRunning = 1
            $0.script = "exec 9>\(path)\necho >&9\nexec \"$STANDIN\" \"$@\""
        }
        let client = try RawClient(service)
        client.send(RawClient.chat("standin:\(marker)", streams: true))
        if marker == "stall" { _ = try client.take(through: "d0") }
        #expect(watch.hasBegun())
        client.close()
        #expect(watch.isGone())
        let next = try RawClient(service)
        next.send(RawClient.chat("standin:echo free again"))
        #expect(try next.answer().body.contains("free again"))
    }

    @Test("beyond what may run and wait, a request is told to come again")
    func busy() async throws {
        let service = try await TestService {
            $0.maxRunning = 1
            $0.maxWaiting = 0
        }
        let first = try RawClient(service)
        first.send(RawClient.chat("standin:stall", streams: true))
        _ = try first.take(through: "d0")
        let second = try RawClient(service)
        second.send(RawClient.chat("standin:echo x"))
        let answer = try second.answer()
        #expect(answer.status == 503 || answer.status == 529)
        #expect((1...60).contains(answer.fields["retry-after"].flatMap { Int($0) } ?? 0))
        // Its body was not read, so the connection cannot go on.
        #expect(answer.fields["connection"] == "close")
        #expect(try RawClient(service).exchange("GET", "/health").body.contains(#""running_turns":1"#))
    }

    @Test("beyond the connections of one address, the next is closed unread")
    func tooManyConnections() async throws {
        let service = try await TestService { $0.limits.maxConnectionsPerAddress = 2 }
        let clients = [try RawClient(service), try RawClient(service)]
        for client in clients { #expect(try client.exchange("GET", "/health").status == 200) }
        #expect(try RawClient(service).isEnded())
        #expect(try clients[0].exchange("GET", "/health").status == 200)
    }

    // MARK: - The end

    @Test("draining ends what is idle and lets what runs come to its end")
    func drain() async throws {
        let gate = try ChildWatch()
        let path = gate.path
        let service = try await TestService {
            $0.script = """
                read a; read b; read c
                echo '{"type":"stream_event","event":{"type":"message_start","message":{"id":"m","model":"x","usage":{}}}}'
                echo '{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"begun"}}}'
                read line < \(path)
                echo '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" and done"}}}'
                echo '{"type":"stream_event","event":{"type":"content_block_stop","index":0}}'
                echo '{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}}'
                echo '{"type":"result","is_error":false,"num_turns":1,"subtype":"success","result":"x"}'
                """
        }
        let (running, idle) = (try RawClient(service), try RawClient(service))
        #expect(try idle.exchange("GET", "/health").status == 200)
        running.send(RawClient.chat("hello", streams: true))
        _ = try running.take(through: "begun")
        let (whenEmpty, isEmpty) = AsyncStream.makeStream(of: Void.self)
        await service.worker.drain { isEmpty.yield() }
        #expect(idle.isEnded())
        #expect(!RawClient.canConnect(to: service))
        try ChildWatch.release(path)
        let rest = try running.take(through: "data: [DONE]\n\n")
        #expect(rest.contains("and done"))
        #expect(rest.contains(#""finish_reason":"stop""#))
        for await _ in whenEmpty { break }
        #expect(service.site.limiter.open == 0)
        #expect(service.site.admission.load.running == 0)
    }

    @Test("at the drain limit what still runs ends with the error event of its dialect")
    func endTurns() async throws {
        let service = try await TestService()
        let (chat, message) = (try RawClient(service), try RawClient(service))
        chat.send(RawClient.chat("standin:stall", streams: true))
        message.send(RawClient.message("standin:stall"))
        for client in [chat, message] { _ = try client.take(through: "d0") }
        let (whenEmpty, isEmpty) = AsyncStream.makeStream(of: Void.self)
        await service.worker.drain { isEmpty.yield() }
        await service.worker.endJobs()
        let chatEnd = try chat.take(through: "0\r\n\r\n")
        #expect(chatEnd.contains(#""error""#))
        #expect(!chatEnd.contains(#""finish_reason":"stop""#))
        let messageEnd = try message.take(through: "0\r\n\r\n")
        #expect(messageEnd.contains("event: error\n"))
        #expect(!messageEnd.contains("message_stop"))
        for client in [chat, message] { #expect(client.isEnded()) }
        for await _ in whenEmpty { break }
        #expect(service.site.admission.load.running == 0)
    }
}
