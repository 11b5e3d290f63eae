import Glibc
import Platform
import Testing

@testable import Server

@Suite("Connection limits", .timeLimit(.minutes(1)))
struct ConnectionLimiterTests {
    private func peer(_ last: UInt8) -> PeerAddress {
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_INET)
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            for (index, byte) in [10, 0, 0, last].enumerated() { unsafe bytes[4 + index] = byte }
        }
        return PeerAddress(storage)
    }

    private func limiter(total: Int = 10, perNetwork: Int = 10, strangers: Int = 10) -> ConnectionLimiter {
        ConnectionLimiter(
            ConnectionLimiter.Limits(total: total, perNetwork: perNetwork, unauthenticatedPerNetwork: strangers))
    }

    /// True when there is a place now; it is given back at once.
    private func hasPlace(_ limiter: ConnectionLimiter, _ last: UInt8) -> Bool {
        let place = try? limiter.admit(peer(last))
        return place != nil
    }

    @Test("there are so many in all, and places come back")
    func total() {
        let limiter = limiter(total: 2)
        do {
            let first = try? limiter.admit(peer(1))
            let second = try? limiter.admit(peer(2))
            let isRefused = !hasPlace(limiter, 3)
            #expect(isRefused)
            #expect(limiter.open == 2)
            _ = consume first
            _ = consume second
        }
        #expect(limiter.open == 0)
        #expect(hasPlace(limiter, 3))
    }

    @Test("one network does not take the places of others")
    func perNetwork() {
        let limiter = limiter(perNetwork: 1)
        let first = try? limiter.admit(peer(1))
        #expect(!hasPlace(limiter, 1))
        #expect(hasPlace(limiter, 2))
        _ = consume first
        #expect(hasPlace(limiter, 1))
        limiter.change(ConnectionLimiter.Limits(total: 0, perNetwork: 1, unauthenticatedPerNetwork: 1))
        #expect(!hasPlace(limiter, 1))
    }

    @Test("where all places are taken the oldest handshake gives way, and what is past its handshake does not")
    func givingWay() async throws {
        let loop = try #require(TestLoops.next())
        let limiter = limiter(total: 2)
        let (one, two, three, four) = (peer(1), peer(2), peer(3), peer(4))
        // Unstructured because only a task can be given an executor.
        let steps = await Task(executorPreference: loop) {
            let wakeup = Wakeup()
            guard var first = try? limiter.admit(one), var second = try? limiter.admit(two) else { return ["no place"] }
            var steps: [String] = []
            first.beginGreeting(waking: RemoteWakeup(wakeup, on: loop))
            second.beginGreeting(waking: RemoteWakeup(wakeup, on: loop))
            steps.append(first.endGreeting() ? "through" : "shed")
            let third = try? limiter.admit(three)
            steps.append(third == nil ? "refused" : "admitted")
            await wakeup.wait()
            steps.append(second.hasGivenWay ? "shed" : "stays")
            steps.append(second.endGreeting() ? "through" : "shed")
            steps.append("\(limiter.open)")
            // Nobody shakes hands any more.
            let fourth = try? limiter.admit(four)
            steps.append(fourth == nil ? "refused" : "admitted")
            _ = consume second
            steps.append("\(limiter.open)")
            _ = consume third
            _ = consume first
            return steps
        }.value
        #expect(steps == ["through", "admitted", "shed", "shed", "2", "refused", "2"])
        #expect(limiter.open == 0)
    }

    @Test("beyond so many strangers of one network the next waits until one has shown a key or gone")
    func strangers() async throws {
        let loop = try #require(TestLoops.next())
        let limiter = limiter(strangers: 1)
        let (one, two) = (peer(1), peer(2))
        // Unstructured because only a task can be given an executor.
        let steps = await Task(executorPreference: loop) {
            let wakeup = Wakeup()
            func remote() -> RemoteWakeup { RemoteWakeup(wakeup, on: loop) }
            guard var first = try? limiter.admit(one), var second = try? limiter.admit(one),
                var other = try? limiter.admit(two)
            else {
                return ["no place"]
            }
            var steps = [first.beginUnauthenticated(waking: remote()), second.beginUnauthenticated(waking: remote())]
            steps.append(other.beginUnauthenticated(waking: remote()))
            first.endUnauthenticated()
            await wakeup.wait()
            steps.append(second.beginUnauthenticated(waking: remote()))
            guard var third = try? limiter.admit(one) else { return ["no place"] }
            steps.append(third.beginUnauthenticated(waking: remote()))
            _ = consume second
            await wakeup.wait()
            steps.append(third.beginUnauthenticated(waking: remote()))
            return steps.map { $0 ? "begins" : "waits" }
        }.value
        #expect(steps == ["begins", "waits", "begins", "begins", "waits", "begins"])
        #expect(limiter.open == 0)
    }
}
