import Platform
import Testing

@Suite("Addresses and ranges of them")
struct AddressRangeTests {
    private static func contains(_ range: String, _ address: String) throws -> Bool {
        try #require(AddressRange(range), "\(range)").contains(try #require(PeerAddress(address), "\(address)"))
    }

    @Test(
        "a range holds what begins as it does",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"), ("10.1.2.3/8", "10.9.9.9", "9.255.255.255"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"), ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.0"), ("0.0.0.0/0", "255.1.2.3", "::1"), ("::1", "::1", "::2"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"), ("2001:db8::/65", "2001:db8::7fff:0:0:1", "2001:db8::8000:0:0:1"),
            ("2001:db8:0:1::/64", "2001:db8:0:1::9", "2001:db8:0:2::9"), ("::/0", "ffff::", "10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.2.3.4", "11.0.0.1"), ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
            ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"), ("2001:db8::1/128", "2001:db8::1", "2001:db8::"),
        ])
    func holds(range: String, inside: String, outside: String) throws {
        #expect(try Self.contains(range, inside))
        #expect(try !Self.contains(range, outside))
    }

    @Test(
        "what is no range is none",
        arguments: [
            "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0", "010.0.0.1",
            "10.0.0.1 ", " 10.0.0.1", "::/129", "::1%eth0", "[::1]", "::ffff:10.0.0.0/95", "localhost", "unix:/x", "unix/0",
            "10.0.0.0/8\u{0}", "١.0.0.0", "10.0.0.0/٨",
        ])
    func malformed(text: String) { #expect(AddressRange(text) == nil) }

    @Test("a range is shown with its first address")
    func description() {
        let shown = ["10.1.2.3/8", "192.0.2.1/32", "2001:DB8::1/32", "::ffff:10.1.1.1/112", "unix"].map {
            AddressRange($0).map { "\($0)" }
        }
        #expect(shown == ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "10.1.0.0/16", "unix"])
        #expect(AddressRange("::/0")?.isEverything == true && AddressRange("unix")?.isEverything == false)
    }
}
