import HTTP
import Vocabulary

/// What is asked below `/console/api/`, by path and method.
enum ConsoleCall: Sendable, Equatable {
    case caller, accounts, processes, turns, errors, settings
    case audit(count: String?)
    case cancel(String)
    case keys(after: String?)
    case addKey
    case key(String), setKey(String), removeKey(String), rotateKey(String)
    case enableKey(String, Bool)

    /// Understands path, method and query; `rest` is the path behind `/console/api/`.
    init(_ request: Request, _ rest: ArraySlice<UInt8>) throws(Refusal) {
        let path = Self.words(rest)
        guard let methods = Self.methods(of: path) else { throw .nowhere(request) }
        let isRead = request.method == .get || request.method == .head
        let query = QueryParameters.parse(request.query ?? [])
        let call: ConsoleCall? =
            switch path.first {
            case _ where path.count == 1 && isRead: Self.list(path[0], query)
            case "keys" where path.count == 1 && request.method == .post: .addKey
            case "keys" where path.count == 2: Self.act(request.method, isRead, on: path[1])
            case "keys" where path.count == 3 && request.method == .post: Self.act(path[2], on: path[1])
            case "turns" where path.count == 3 && request.method == .post: .cancel(path[1])
            default: nil
            }
        guard let call else {
            throw Refusal(.methodNotAllowed, "This path does not answer to this method.", allow: methods)
        }
        self = call
    }

    private static func list(_ word: String, _ query: [(name: String, value: String)]) -> ConsoleCall? {
        func value(_ name: String) -> String? { query.last { $0.name == name }?.value }
        return switch word {
        case "caller": .caller
        case "accounts": .accounts
        case "processes": .processes
        case "turns": .turns
        case "errors": .errors
        case "settings": .settings
        case "audit": .audit(count: value("count"))
        default: .keys(after: value("after"))
        }
    }

    private static func act(_ method: Method, _ isRead: Bool, on key: String) -> ConsoleCall? {
        if isRead { return .key(key) }
        return method == .post ? .setKey(key) : method == .delete ? .removeKey(key) : nil
    }

    private static func act(_ word: String, on key: String) -> ConsoleCall? {
        switch word {
        case "rotate": .rotateKey(key)
        case "disable": .enableKey(key, false)
        default: .enableKey(key, true)
        }
    }

    /// The methods that a path answers to, for `allow`.
    static func methods(behind rest: ArraySlice<UInt8>) -> String { methods(of: words(rest)) ?? "OPTIONS" }

    private static let lists: Set = ["caller", "accounts", "processes", "turns", "errors", "settings", "audit", "keys"]

    /// Nil where there is no such path.
    private static func methods(of path: [String]) -> String? {
        switch path.count {
        case 1 where path[0] == "keys": "GET, HEAD, POST, OPTIONS"
        case 1 where lists.contains(path[0]): "GET, HEAD, OPTIONS"
        case 2 where path[0] == "keys" && !path[1].isEmpty: "GET, HEAD, POST, DELETE, OPTIONS"
        case 3 where path[0] == "keys" && !path[1].isEmpty && ["rotate", "disable", "enable"].contains(path[2]): "POST, OPTIONS"
        case 3 where path[0] == "turns" && !path[1].isEmpty && path[2] == "cancel": "POST, OPTIONS"
        default: nil
        }
    }

    private static func words(_ rest: ArraySlice<UInt8>) -> [String] {
        rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { String(percentDecoding: $0) }
    }

    /// True for everything but what a caller is told of themselves.
    var isForAdministrators: Bool { self != .caller }

    /// True for what comes with a body; a page of another site cannot send one of this type without being asked for
    /// permission first.
    var takesBody: Bool {
        switch self {
        case .addKey, .setKey, .rotateKey, .enableKey, .cancel: true
        default: false
        }
    }
}
