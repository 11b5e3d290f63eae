import Glibc
import Platform
import TestSupport
import Testing

@testable import Egress

@Suite("The way of runs into the internet", .timeLimit(.minutes(1)))
struct EgressProxyTests {
    private static let loop: EventLoop? = {
        signal(SIGPIPE, SIG_IGN)
        let loop = try? EventLoop()
        try? loop?.start()
        return loop
    }()

    /// A proxy for which loopback, where the tests' servers are, is the internet unless `isReal`.
    private func proxy(isReal: Bool = false, _ limits: EgressLimits = EgressLimits()) throws -> EgressProxy {
        let loop = try #require(Self.loop)
        let proxy = isReal ? try EgressProxy(on: loop, limits: limits) : try EgressProxy(on: loop, limits: limits) { _ in true }
        proxy.start()
        return proxy
    }

    private func ask(_ proxy: EgressProxy, _ head: String, with grant: EgressGrant?) throws -> TestSocket {
        let socket = try TestSocket(connectingTo: proxy.port)
        let token = grant.map { "Proxy-Authorization: Basic \(base64(credential(of: $0)))\r\n" } ?? ""
        socket.send("\(head) HTTP/1.1\r\n\(token)\r\n")
        return socket
    }

    private func credential(of grant: EgressGrant) -> String {
        String(grant.url.dropFirst("http://".count).prefix { $0 != "@" })
    }

    private func base64(_ text: String) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var out = ""
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for index in 0..<4 { out.append(index <= group.count ? digits[bits >> (18 - 6 * index) & 63] : "=") }
        }
        return out
    }

    @Test("a tunnel carries what both sides say, to the end of each")
    func tunnel() throws {
        let (proxy, server) = (try proxy(), try TestListener())
        let grant = proxy.grant(EgressRule(hosts: ["127.0.0.1:\(server.port)"]))
        let near = try ask(proxy, "CONNECT 127.0.0.1:\(server.port)", with: grant)
        let far = try server.accept()
        #expect(near.receive(until: "\r\n\r\n") == "HTTP/1.1 200 Connection Established\r\n\r\n")
        near.send("hello")
        #expect(far.receive(count: 5) == "hello")
        near.shutdownWriting()
        #expect(far.receiveAll() == "")
        let much = String(repeating: "x", count: 3 << 20)
        far.send(much)
        far.close()
        #expect(near.receiveAll() == much)
        #expect(grant.counts.made == 1)
    }

    @Test("a plain request is passed on with its body, and the answer comes back")
    func plain() throws {
        let (proxy, server) = (try proxy(), try TestListener())
        let grant = proxy.grant(EgressRule(hosts: ["127.0.0.1:\(server.port)"]))
        let near = try ask(proxy, "POST http://127.0.0.1:\(server.port)/a", with: grant)
        let far = try server.accept()
        #expect(far.receive(until: "\r\n\r\n") == "POST /a HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nConnection: close\r\n\r\n")
        far.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        far.close()
        #expect(near.receiveAll() == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }

    @Test("who shows no token, or that of a run that has ended, is asked for one")
    func tokens() throws {
        let (proxy, server) = (try proxy(), try TestListener())
        let head = "CONNECT 127.0.0.1:\(server.port)"
        #expect(try ask(proxy, head, with: nil).receiveAll().hasPrefix("HTTP/1.1 407 "))
        let socket = try TestSocket(connectingTo: proxy.port)
        let ended = { credential(of: proxy.grant(.anyHost)) }()
        socket.send("\(head) HTTP/1.1\r\nProxy-Authorization: Basic \(base64(ended))\r\n\r\n")
        #expect(socket.receiveAll().contains("portcullis: the proxy knows no such run\n"))
        #expect(proxy.grants == 0)
    }

    @Test(
        "what is this machine's or a neighbour's is closed to a run, and it is told",
        arguments: ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"])
    func closed(host: String) throws {
        let proxy = try proxy(isReal: true)
        let grant = proxy.grant(.anyHost)
        let answer = try ask(proxy, "CONNECT \(host):443", with: grant).receiveAll()
        #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"), "\(answer)")
        #expect(answer.hasSuffix("is not in the internet: this machine, its neighbours and its cloud are closed\n"))
        #expect(grant.counts == (0, 1))
        let obstacles = grant.takeObstacles()
        #expect(obstacles.count == 1 && obstacles.allSatisfy { $0.isRefusal && answer.hasSuffix("portcullis: \($0.reason)\n") })
        #expect(grant.takeObstacles().isEmpty)
    }

    @Test("what has kept a run from its hosts is remembered until it is asked for, each reason once and no more than some")
    func obstacles() throws {
        let proxy = try proxy()
        let grant = proxy.grant(EgressRule(hosts: ["example.org", "nothing.invalid"]))
        for _ in 0..<2 { #expect(try ask(proxy, "CONNECT [2001:db8::1]:443", with: grant).receiveAll().hasPrefix("HTTP/1.1 403")) }
        #expect(try ask(proxy, "CONNECT nothing.invalid:443", with: grant).receiveAll().hasPrefix("HTTP/1.1 502"))
        let named = EgressObstacle(reason: "[2001:db8::1]:443 is not among the hosts of this workspace", isRefusal: true)
        #expect(grant.takeObstacles() == [named, EgressObstacle(reason: "nothing.invalid cannot be looked up", isRefusal: false)])
        for number in 0..<20 { #expect(try ask(proxy, "CONNECT h\(number).test:443", with: grant).receiveAll().hasPrefix("HTTP/1.1 403")) }
        #expect(grant.takeObstacles().count == 8)
    }

    @Test("a host that is not listed is refused before its name is looked up")
    func hosts() throws {
        let proxy = try proxy()
        let grant = proxy.grant(EgressRule(hosts: ["example.org"]))
        let answer = try ask(proxy, "CONNECT other.invalid:443", with: grant).receiveAll()
        #expect(answer.hasSuffix("portcullis: other.invalid:443 is not among the hosts of this workspace\n"))
    }

    @Test("a run has no more connections than it may, and others have theirs")
    func connections() throws {
        var limits = EgressLimits()
        limits.connectionsOfRun = 1
        let (proxy, server) = (try proxy(limits), try TestListener())
        let rule = EgressRule(hosts: ["127.0.0.1:\(server.port)"])
        let (one, other) = (proxy.grant(rule), proxy.grant(rule))
        let head = "CONNECT 127.0.0.1:\(server.port)"
        let first = try ask(proxy, head, with: one)
        #expect(first.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
        #expect(try ask(proxy, head, with: one).receiveAll().contains("too many connections"))
        #expect(try ask(proxy, head, with: other).receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
    }

    @Test("a head without an end is not waited for, nor kept beyond its bound")
    func endless() throws {
        var limits = EgressLimits()
        limits.head = Milliseconds(100)
        let proxy = try proxy(limits)
        let slow = try TestSocket(connectingTo: proxy.port)
        slow.send("CONNECT")
        #expect(slow.receiveAll() == "")
        let long = try TestSocket(connectingTo: proxy.port)
        long.send("CONNECT a:1 HTTP/1.1\r\nX: " + String(repeating: "x", count: 40_000))
        #expect(long.receiveAll().hasPrefix("HTTP/1.1 431 "))
    }

    @Test("what does not answer is told as such")
    func unreachable() throws {
        let proxy = try proxy()
        let port = try { try TestListener().port }()
        let grant = proxy.grant(EgressRule(hosts: ["127.0.0.1:\(port)", "nothing.invalid"]))
        #expect(try ask(proxy, "CONNECT 127.0.0.1:\(port)", with: grant).receiveAll().contains("Connection refused"))
        #expect(try ask(proxy, "CONNECT nothing.invalid:443", with: grant).receiveAll().hasSuffix("nothing.invalid cannot be looked up\n"))
    }
}
