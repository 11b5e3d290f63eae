import Glibc
import Testing

@testable import Platform

@Suite("Names that are looked up beside a loop, and connections to what is found")
struct HostLookupTests {
    @Test("a name is found, and asked for once by all that wait for it")
    func names() async throws {
        let found = try await Harness.onLoop { loop in
            let lookup = HostLookup(on: loop)
            let wakeup = Wakeup()
            let first = lookup.search("localhost", waking: RemoteWakeup(wakeup, on: loop))
            let second = lookup.search("localhost", waking: RemoteWakeup(wakeup, on: loop))
            while first.answer == nil { await wakeup.wait() }
            guard case .success(let addresses)? = second.answer else { return (first === second, false) }
            return (first === second, !addresses.isEmpty && addresses.allSatisfy(\.isLoopback))
        }
        #expect(found == (true, true))
    }

    @Test("an address in digits needs no search, and a name that does not exist is a fault")
    func others() async throws {
        let found = try await Harness.onLoop { loop in
            let lookup = HostLookup(on: loop)
            let wakeup = Wakeup()
            let remote = RemoteWakeup(wakeup, on: loop)
            let digits = lookup.search("::1", waking: remote).answer
            let missing = lookup.search("no such name", waking: remote)
            while missing.answer == nil { await wakeup.wait() }
            return (try digits?.get().first?.text, (try? missing.answer?.get()) == nil)
        }
        #expect(found == ("::1", true))
    }

    @Test("a connection is made, or its failure told", arguments: ["127.0.0.1", "::1"])
    func connections(address: String) throws {
        let listeners = try Listener.open(.tcp(host: address, port: 0), isFirst: true)
        let port = try #require(listeners.first?.port)
        let peer = try #require(PeerAddress(address))
        func outcome() throws -> SystemError? {
            let socket = try OutgoingSocket.connect(to: peer, port: port)
            var entry = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
            #expect(unsafe poll(&entry, 1, 20_000) == 1)
            return OutgoingSocket.failure(of: socket.number)
        }
        #expect(try outcome() == nil)
        withExtendedLifetime(listeners) {}
    }
}
