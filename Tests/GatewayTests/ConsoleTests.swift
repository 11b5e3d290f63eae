import HTTP
import Platform
import Testing
import Vocabulary

@testable import Gateway

@Suite("The console")
struct ConsoleTests {
    private static func request(_ method: String, _ path: String) throws -> Request {
        var decoder = HTTP1Decoder()
        let text = "\(method) \(path) HTTP/1.1\r\nhost: localhost\r\n\r\n"
        return try #require(try decoder.decode(Array(text.utf8).span)).head
    }

    private static func call(_ method: String, _ rest: String) throws -> ConsoleCall {
        try ConsoleCall(request(method, "/console/api/\(rest)"), Array(rest.prefix { $0 != "?" }.utf8)[...])
    }

    @Test("each path and method is what it says")
    func calls() throws {
        #expect(try Self.call("GET", "caller") == .caller)
        #expect(try Self.call("HEAD", "turns") == .turns)
        #expect(try Self.call("GET", "audit?count=7") == .audit(count: "7"))
        #expect(try Self.call("GET", "keys?after=lbob") == .keys(after: "lbob"))
        #expect(try Self.call("POST", "keys") == .addKey)
        #expect(try Self.call("GET", "keys/b%6Fb") == .key("bob"))
        #expect(try Self.call("POST", "keys/bob") == .setKey("bob"))
        #expect(try Self.call("DELETE", "keys/bob") == .removeKey("bob"))
        #expect(try Self.call("POST", "keys/bob/rotate") == .rotateKey("bob"))
        #expect(try Self.call("POST", "keys/bob/disable") == .enableKey("bob", false))
        #expect(try Self.call("POST", "keys/bob/enable") == .enableKey("bob", true))
        #expect(try Self.call("POST", "turns/req_1/cancel") == .cancel("req_1"))
    }

    @Test("any path with any method is a call or a refusal, and its methods are those that OPTIONS tells")
    func everyPath() throws {
        let words = ["", "caller", "accounts", "turns", "keys", "errors", "bob", "cancel", "rotate", "enable", "%00"]
        let paths = words + words.flatMap { one in words.map { "\(one)/\($0)" } }
        let longer = paths + paths.flatMap { path in words.map { "\(path)/\($0)" } }
        for path in longer {
            let allowed = ConsoleCall.methods(behind: Array(path.utf8)[...]).split(separator: ", ").map(String.init)
            for method in ["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH"] {
                do {
                    _ = try Self.call(method, path)
                    #expect(allowed.contains(method), "\(method) \(path)")
                } catch let refusal as Refusal {
                    #expect(!allowed.contains(method), "\(method) \(path)")
                    #expect([.notFound, .methodNotAllowed].contains(refusal.kind), "\(method) \(path)")
                }
            }
        }
    }

    @Test("what reads needs no body, and only the caller is told to everybody")
    func rights() throws {
        for path in ["accounts", "processes", "turns", "errors", "settings", "audit", "keys", "keys/bob"] {
            let call = try Self.call("GET", path)
            #expect(call.isForAdministrators && !call.takesBody)
        }
        let caller = try Self.call("GET", "caller")
        #expect(!caller.isForAdministrators)
        for path in ["keys", "keys/bob", "keys/bob/rotate", "turns/req_1/cancel"] {
            let call = try Self.call("POST", path)
            #expect(call.isForAdministrators && call.takesBody)
        }
    }

    @Test("the page holds its parts, and its policy names them by digests of 32 bytes")
    func page() {
        let text = String(decoding: ConsolePage.body, as: UTF8.self)
        #expect(text.hasPrefix("<!doctype html>") && !text.contains("/*style*/") && !text.contains("/*script*/"))
        #expect(text.contains("function renderMarkdown") && text.contains("function keysView"))
        let digests = ConsolePage.policy.split(separator: "'sha256-").dropFirst().map { $0.prefix { $0 != "'" } }
        #expect(digests.count == 2 && digests.allSatisfy { $0.count == 44 && $0.hasSuffix("=") })
        #expect(!ConsolePage.policy.contains("unsafe"))
    }

    @Test("the newest errors are kept without their priority, no more than there is room for, and others not at all")
    func recentLines() {
        let recent = RecentLines()
        recent.take(.error, Array("<3>lost\n".utf8))
        #expect(recent.newest.isEmpty)
        recent.keep(true)
        recent.take(.info, Array("<6>quiet\n".utf8))
        for number in 1...RecentLines.mostLines + 5 { recent.take(.warning, Array("<4>level=warning line=\(number)\n".utf8)) }
        #expect(recent.newest.count == RecentLines.mostLines)
        #expect(recent.newest.first?.text == "level=warning line=\(RecentLines.mostLines + 5)")
        #expect(recent.newest.last?.text == "level=warning line=6")
        recent.keep(false)
        #expect(recent.newest.isEmpty)
    }

    @Test("a turn that is ended by its id hears it once it is looked at, and nobody else does")
    func board() throws {
        let loop = try EventLoop()
        let board = TurnBoard()
        let turns = ["req_1", "req_2"].map { id in
            TurnEntry(id: id, key: "alice", dialect: "anthropic", waking: RemoteWakeup(Wakeup(), on: loop))
        }
        for turn in turns { board.enter(turn) }
        #expect(board.all.map(\.id) == ["req_1", "req_2"])
        #expect(board.cancel("req_2"))
        #expect(turns.map(\.isCancelled) == [false, true])
        board.leave(turns[1])
        let isFound = board.cancel("req_2")
        #expect(!isFound && board.all.map(\.id) == ["req_1"])
    }

    @Test("settings are told with the value in force, and secrets are not told")
    func settings() throws {
        let configuration = try Configuration.load(
            arguments: ["--max-turns", "7", "--plaintext"],
            environment: ["PORTCULLIS_PROXY_API_KEYS": "a-key-that-is-long-enough-0123456789", "CLAUDE_PATH": "/bin/true", "HOME": "/tmp", "CONSOLE": "yes"])
        let text = String(decoding: ConsoleView.settings(configuration), as: UTF8.self)
        #expect(text.contains(#""name":"MAX_TURNS""#) && text.contains(#""value":"7""#) && text.contains(#""given_in":"--max-turns""#))
        #expect(text.contains(#""value":"hidden""#) && !text.contains("a-key-that-is-long-enough"))
        #expect(configuration.servesConsole && configuration.logging.keepsRecent)
    }
}
