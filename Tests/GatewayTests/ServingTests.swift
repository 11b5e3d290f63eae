import Glibc
import Platform
import Testing

@testable import Gateway

@Suite("Serving requests", .timeLimit(.minutes(2)))
struct ServingTests {
    @Test("health is told to everybody")
    func health() async throws {
        let client = try RawClient(try await TestService())
        client.send("GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
        let answer = try client.answer()
        #expect(answer.status == 200)
        #expect(answer.body.contains(#""status":"ok""#) && answer.body.contains(#""cli_version":"0.0.0""#))
        #expect(answer.body.contains(#""running_turns":0"#))
        #expect(answer.fields["request-id"]?.hasPrefix("req_") == true)
    }

    @Test("a hundred pipelined requests are answered in their order")
    func pipelining() async throws {
        let client = try RawClient(try await TestService())
        let paths = (0..<100).map { ["/health", "/nothing", "/v1/models", "/v1/models/none"][$0 % 4] }
        client.send(paths.map { RawClient.request("GET", $0) }.joined())
        let statuses = try paths.map { _ in try client.answer().status }
        #expect(statuses == (0..<100).map { [200, 404, 200, 404][$0 % 4] })
    }

    @Test("turns are pipelined as well, each answered before the next begins")
    func pipelinedTurns() async throws {
        let client = try RawClient(try await TestService())
        client.send((0..<5).map { RawClient.chat("standin:echo number \($0)") }.joined())
        for number in 0..<5 { #expect(try client.answer().body.contains("number \(number)")) }
    }

    @Test("HEAD has the head of GET and no body, and the connection goes on")
    func head() async throws {
        let client = try RawClient(try await TestService())
        let head = try client.exchange("HEAD", "/health")
        let get = try client.exchange("GET", "/health")
        #expect(head.status == 200)
        #expect(head.body == "")
        #expect(head.fields["content-length"] == get.fields["content-length"])
    }

    @Test("a path that is not there is 404, a method that is not there 405 with what is")
    func wrongPaths() async throws {
        let client = try RawClient(try await TestService())
        #expect(try client.exchange("GET", "/v1/nothing").status == 404)
        let wrong = try client.exchange("GET", "/v1/messages")
        #expect(wrong.status == 405)
        #expect(wrong.fields["allow"] == "POST, OPTIONS")
        #expect(try client.exchange("DELETE", "/health").fields["allow"] == "GET, HEAD, OPTIONS")
    }

    @Test("whatever is wrong with a key, the refusal is the same")
    func unauthenticated() async throws {
        let client = try RawClient(try await TestService())
        let near = TestService.key.dropLast() + "x"
        let wrong = ["", "x", String(near), TestService.key + "x", String(repeating: "y", count: 500)]
        var bodies: Set<String> = []
        for key in wrong {
            let answer = try client.exchange("GET", "/v1/models", ["x-api-key: \(key)"])
            #expect(answer.status == 401, "\(key)")
            let id = answer.fields["request-id"] ?? "?"
            bodies.insert(answer.body.replacing(id, with: "ID"))
        }
        #expect(bodies.count == 1)
        #expect(try client.exchange("GET", "/v1/models", ["x-api-key: \(TestService.otherKey)"]).status == 200)
        let both = try client.exchange("GET", "/v1/models", [
            "x-api-key: \(TestService.key)", "authorization: Bearer \(TestService.otherKey)",
        ])
        #expect(both.status == 400)
    }

    @Test("a client that waits for 100 Continue is told to go on")
    func expectContinue() async throws {
        let client = try RawClient(try await TestService())
        let request = RawClient.chat("standin:echo hello there", fields: ["expect: 100-continue"])
        let parts = request.split(separator: "\r\n\r\n", maxSplits: 1)
        client.send(parts[0] + "\r\n\r\n")
        #expect(try client.take(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        client.send(String(parts[1]))
        let answer = try client.answer()
        #expect(answer.status == 200)
        #expect(answer.body.contains("hello there"))
    }

    @Test("a body in chunks is read as one, however it is cut")
    func chunkedBody() async throws {
        let client = try RawClient(try await TestService())
        let body = #"{"model":"sonnet","messages":[{"role":"user","content":"standin:echo in pieces"}]}"#
        client.send(RawClient.request("POST", "/v1/chat/completions", [
            "transfer-encoding: chunked", "content-type: application/json",
        ]))
        for byte in body.utf8 { client.send("1\r\n\(Character(Unicode.Scalar(byte)))\r\n") }
        client.send("0\r\n\r\n")
        #expect(try client.answer().body.contains("in pieces"))
        #expect(try client.exchange("GET", "/health").status == 200)
    }

    @Test("a body beyond the limit is refused before it is read")
    func largeBody() async throws {
        let service = try await TestService { $0.limits.maxBodyBytes = 1000 }
        let client = try RawClient(service)
        client.send(RawClient.request("POST", "/v1/messages", ["content-length: 1001"]))
        #expect(try client.answer().status == 413)
        let chunked = try RawClient(service)
        chunked.send(RawClient.request("POST", "/v1/messages", ["transfer-encoding: chunked"]) + "7d0\r\n")
        chunked.send(String(repeating: "x", count: 2000))
        #expect(try chunked.answer().status == 413)
    }

    @Test("what is no HTTP gets one answer and the end of the connection")
    func garbage() async throws {
        let client = try RawClient(try await TestService())
        client.send("this is not HTTP\r\n\r\n")
        let answer = try client.answer()
        #expect(answer.status == 400)
        #expect(answer.fields["connection"] == "close")
        #expect(client.isEnded())
    }

    // MARK: - Answers

    @Test("a chat is streamed to its end", arguments: [1, 200])
    func streamedChat(words: Int) async throws {
        let client = try RawClient(try await TestService())
        client.send(RawClient.chat("standin:words \(words)", streams: true))
        let answer = try client.answer()
        #expect(answer.status == 200)
        #expect(answer.fields["content-type"]?.hasPrefix("text/event-stream") == true)
        #expect(answer.body.hasSuffix("data: [DONE]\n\n"))
        #expect(answer.body.contains("w\(words)"))
        #expect(answer.body.components("\n\n").filter { $0.contains("chat.completion.chunk") }.count >= words)
        #expect(try client.exchange("GET", "/health").status == 200)
    }

    @Test("a message is streamed with the events of its dialect")
    func streamedMessage() async throws {
        let client = try RawClient(try await TestService())
        client.send(RawClient.message("standin:echo good morning"))
        let answer = try client.answer()
        for event in ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"] {
            #expect(answer.body.contains("event: \(event)\n"), "\(event)")
        }
    }

    @Test("a failure before the first event is a true status, and the next request goes on")
    func trueStatus() async throws {
        let client = try RawClient(try await TestService())
        client.send(RawClient.chat("standin:status 429", streams: true))
        #expect(try client.answer().status == 429)
        client.send(RawClient.chat("standin:exit 3"))
        #expect(try client.answer().status == 502)
        client.send(RawClient.chat("standin:echo well again"))
        #expect(try client.answer().body.contains("well again"))
    }

    @Test("a CLI that dies in the middle ends the stream with an error and never with a success")
    func diesMidway() async throws {
        let client = try RawClient(try await TestService())
        client.send(RawClient.chat("standin:die 3", streams: true))
        let answer = try client.answer()
        #expect(answer.status == 200)
        #expect(answer.body.contains(#""error""#))
        #expect(!answer.body.contains(#""finish_reason":"stop""#))
    }

    @Test("two loops serve many connections at once")
    func many() async throws {
        let services = [try await TestService { $0.maxRunning = 3 }, try await TestService()]
        let answers = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<24 {
                let service = services[number % 2]
                group.addTask {
                    let client = try RawClient(service)
                    client.send(RawClient.chat("standin:echo answer \(number)", streams: number % 3 == 0))
                    return try client.answer().status == 200
                }
            }
            return try await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(answers.count == 24)
        #expect(answers.allSatisfy { $0 })
    }
}

extension String {
    /// The parts between a separator.
    func components(_ separator: String) -> [Substring] { split(separator: separator) }
}
