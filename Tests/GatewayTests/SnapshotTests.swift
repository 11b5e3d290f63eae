import Testing

@testable import Gateway

@Suite("What a reload changes of what has begun")
struct SnapshotTests {
    @Test("a body is read under the limits that its request began with, and the next under the new ones")
    func bodyLimits() async throws {
        let service = try await TestService()
        let client = try RawClient(service)
        let body = #"{"model":"sonnet","messages":[{"role":"user","content":"say:Hello"}]}"#
        let fields = ["expect: 100-continue"]
        let request = RawClient.request("POST", "/v1/chat/completions", fields, body: body)
        let head = String(request.dropLast(body.utf8.count))
        client.send(head)
        // The body is being read.
        _ = try client.take(through: "100 Continue\r\n\r\n")
        service.site.replace(try Self.snapshot(of: service, maxBodyBytes: body.utf8.count - 1))
        client.send(body)
        #expect(try client.answer().status == 200)
        client.send(RawClient.request("POST", "/v1/chat/completions", body: body))
        #expect(try client.answer().status == 413)
    }

    /// What the service has, with another limit.
    private static func snapshot(of service: TestService, maxBodyBytes: Int) throws -> Snapshot {
        let old = service.site.snapshot
        var configuration = old.configuration
        configuration.limits.maxBodyBytes = maxBodyBytes
        return Snapshot(
            configuration, tls: old.tls, accounts: old.accounts, servers: old.servers, cli: old.cli)
    }
}
