import HTTP
import Platform
import Testing

@testable import Server

@Suite("The server serves an application of which it knows nothing", .timeLimit(.minutes(1)))
struct ServingTests {
    @Test("an answer at once, one that takes the body, and one that is streamed")
    func answers() async throws {
        let service = try await ParrotService()
        #expect(try Client(service).ask("GET /at-once").hasSuffix("\r\n\r\nat once, 127.0.0.1"))
        #expect(try Client(service).ask("POST /echo", body: "words").hasSuffix("\r\n\r\nwords"))
        let stream = try Client(service).ask("GET /stream")
        #expect(stream.hasSuffix("\r\n\r\n00000004\r\none,\r\n00000004\r\ntwo,\r\n00000005\r\nthree\r\n0\r\n\r\n"))
    }

    @Test("a writer that the application drops cuts the request off, and so does a body beyond the limit")
    func unanswered() async throws {
        var http = HTTPLimits()
        http.bodyBytes = 4
        let service = try await ParrotService(Parrot(WireLimits(http: http)))
        #expect(try Client(service).ask("GET /dropped") == "")
        #expect(try Client(service).ask("POST /echo", body: "words").hasPrefix("HTTP/1.1 413 "))
        let chunked = try Client(service)
        chunked.send("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwords\r\n0\r\n\r\n")
        #expect(chunked.rest().hasPrefix("HTTP/1.1 413 "))
    }

    @Test("what is no request is the application's to answer")
    func unreadable() async throws {
        let client = try Client(try await ParrotService())
        client.send("garbage\r\n\r\n")
        #expect(client.rest().hasPrefix("HTTP/1.1 400 "))
    }

    @Test("whoever waits for the end of the last connection is told, once")
    func drains() async throws {
        let service = try await ParrotService()
        #expect(try Client(service).ask("GET /at-once").hasPrefix("HTTP/1.1 200 "))
        let worker = service.worker
        await withCheckedContinuation { continuation in
            // Unstructured: the call back resumes who waits here.
            Task { await worker.drain { continuation.resume() } }
        }
        #expect(service.parrot.limiter.open == 0)
    }
}
