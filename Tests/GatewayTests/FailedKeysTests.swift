import Glibc
import Platform
import Testing

@testable import Gateway

@Suite("Failed keys")
struct FailedKeysTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)
    private let right = Array("right".utf8)[...]
    private let wrong = Array("wrong".utf8)[...]

    private func after(_ milliseconds: Int) -> Instant { start + Milliseconds(milliseconds) }
    private func peer(_ text: String) throws -> PeerAddress { try #require(PeerAddress(text)) }

    @Test("ten may fail at once, then one every six seconds")
    func bucket() throws {
        let keys = FailedKeys(at: start)
        let peer = try peer("192.0.2.1")
        for _ in 0..<10 {
            #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: start) == nil)
            keys.noteFailure(of: peer, showing: wrong, allowance: 10, at: start)
        }
        #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: start) == 6)
        #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: after(5001)) == 1)
        #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: after(6000)) == nil)
        keys.noteFailure(of: peer, showing: wrong, allowance: 10, at: after(6000))
        #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: after(6000)) == 6)
        // After a minute all is forgiven.
        for _ in 0..<10 {
            #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: after(72_000)) == nil)
            keys.noteFailure(of: peer, showing: wrong, allowance: 10, at: after(72_000))
        }
        #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: after(72_000)) == 6)
    }

    @Test("an IPv4 address and an IPv6 /48 have a bucket of their own; a Unix socket has none")
    func networks() throws {
        let keys = FailedKeys(at: start)
        func exhaust(_ text: String) throws {
            for _ in 0..<10 { keys.noteFailure(of: try peer(text), showing: wrong, allowance: 10, at: start) }
        }
        func waits(_ text: String) throws -> Bool {
            keys.wait(of: try peer(text), showing: wrong, allowance: 10, at: start) != nil
        }
        try exhaust("192.0.2.1")
        try exhaust("2001:db8:1:2::1")
        #expect(try waits("192.0.2.1") && waits("::ffff:192.0.2.1"))
        #expect(try waits("2001:db8:1:2::ffff") && waits("2001:db8:1:3::1"))
        #expect(try !waits("192.0.2.2") && !waits("2001:db8:2:2::1"))
        let unix = PeerAddress(sockaddr_storage())
        for _ in 0..<20 { keys.noteFailure(of: unix, showing: wrong, allowance: 10, at: start) }
        #expect(keys.wait(of: unix, showing: wrong, allowance: 10, at: start) == nil)
    }

    @Test("a key that opened from the same network goes past for an hour, and no other does")
    func opened() throws {
        let keys = FailedKeys(at: start)
        let (peer, other) = (try peer("192.0.2.1"), try peer("192.0.2.2"))
        keys.noteSuccess(of: peer, showing: right, at: start)
        func failTenTimes(at now: Instant) {
            for _ in 0..<10 { for each in [peer, other] { keys.noteFailure(of: each, showing: wrong, allowance: 10, at: now) } }
        }
        failTenTimes(at: start)
        #expect(keys.wait(of: peer, showing: right, allowance: 10, at: start) == nil)
        #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: start) == 6)
        #expect(keys.wait(of: other, showing: right, allowance: 10, at: start) == 6)
        failTenTimes(at: after(3_600_000))
        #expect(keys.wait(of: peer, showing: right, allowance: 10, at: after(3_600_000)) == 6)
    }

    @Test("a host of strangers takes no memory and frees nobody who has failed more often")
    func strangers() throws {
        let keys = FailedKeys(at: start)
        let guilty = try peer("198.51.100.1")
        for _ in 0..<10 { keys.noteFailure(of: guilty, showing: wrong, allowance: 10, at: start) }
        for number in 0..<100_000 { keys.noteFailure(of: try peer("10.\(number >> 16).\(number >> 8 & 255).\(number & 255)"), showing: wrong, allowance: 10, at: start) }
        #expect(keys.wait(of: guilty, showing: wrong, allowance: 10, at: start) == 6)
    }

    @Test("with an allowance of zero nobody waits")
    func off() throws {
        let keys = FailedKeys(at: start)
        let peer = try peer("192.0.2.1")
        for _ in 0..<100 { keys.noteFailure(of: peer, showing: wrong, allowance: 10, at: start) }
        #expect(keys.wait(of: peer, showing: wrong, allowance: 0, at: start) == nil)
    }

    @Test("however many fail, the next key is looked at six seconds later, and one that failed goes past no longer")
    func bounded() throws {
        let keys = FailedKeys(at: start)
        let peer = try peer("192.0.2.1")
        keys.noteSuccess(of: peer, showing: right, at: start)
        for _ in 0..<1000 { keys.noteFailure(of: peer, showing: wrong, allowance: 10, at: start) }
        #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: start) == 6)
        #expect(keys.wait(of: peer, showing: right, allowance: 10, at: start) == nil)
        // It was disabled meanwhile.
        keys.noteFailure(of: peer, showing: right, allowance: 10, at: start)
        #expect(keys.wait(of: peer, showing: right, allowance: 10, at: start) == 6)
        #expect(keys.wait(of: peer, showing: wrong, allowance: 10, at: after(6000)) == nil)
    }
}
