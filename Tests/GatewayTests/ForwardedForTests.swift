import HTTP
import Platform
import Testing

@testable import Gateway

@Suite("Who asks behind proxies that are trusted")
struct ForwardedForTests {
    private static func client(_ fields: [String], trusting ranges: [String] = ["10.0.0.0/8", "::1"]) throws -> String {
        let text = RawClient.request("GET", "/", fields.map { "x-forwarded-for: \($0)" })
        var decoder = HTTP1Decoder()
        let request = try #require(try decoder.decode(Array(text.utf8).span)).head
        let peer = try #require(PeerAddress("10.0.0.1"))
        return ForwardedFor.client(request, from: peer, trusting: ranges.compactMap { AddressRange($0) }).text
    }

    @Test(
        "it is the nearest who is no trusted proxy",
        arguments: [
            ([], "10.0.0.1"), (["192.0.2.1"], "192.0.2.1"), (["1.1.1.1, 192.0.2.1"], "192.0.2.1"),
            (["1.1.1.1,192.0.2.1 ,\t10.9.9.9"], "192.0.2.1"), (["1.1.1.1", "192.0.2.1", "10.9.9.9, ::1"], "192.0.2.1"),
            (["10.0.0.7, 10.0.0.8"], "10.0.0.7"), (["[2001:db8::1]"], "2001:db8::1"), (["[2001:db8::1]:443"], "2001:db8::1"),
            (["2001:db8::1"], "2001:db8::1"), (["192.0.2.1:5678"], "192.0.2.1"), (["::ffff:192.0.2.1"], "192.0.2.1"),
            (["192.0.2.1, , "], "192.0.2.1"), ([","], "10.0.0.1"),
        ])
    func nearest(fields: [String], client: String) throws { #expect(try Self.client(fields) == client) }

    @Test(
        "what cannot be read ends the list, and nothing before it counts",
        arguments: [
            "unknown", "_hidden", "192.0.2.1:", "192.0.2.1:port", "192.0.2.1:65536", "[192.0.2.1]", "[::1", "::1]", "[::1]x", "192.0.2",
            "192.0.2.1 x", "\"192.0.2.1\"", "fe80::1%eth0", "192.0.2.1/32",
        ])
    func unreadable(text: String) throws {
        #expect(try Self.client(["1.1.1.1, \(text)"]) == "10.0.0.1")
        #expect(try Self.client(["1.1.1.1, \(text), 10.0.0.9"]) == "10.0.0.9")
    }

    @Test("a list without end is not read to its end")
    func bounded() throws {
        let list = ["1.1.1.1"] + (0..<100).map { "10.0.1.\($0)" }
        #expect(try Self.client([list.joined(separator: ",")]) == "10.0.1.68")
    }
}
