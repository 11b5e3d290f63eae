/// A request method; case-sensitive, as RFC 9110 §9.1 says, so `get` is not `GET`.
public struct Method: Equatable, Sendable {
    /// The method as sent: a token of RFC 9110 §5.6.2, ASCII.
    public let name: String

    private init(known name: String) {
        self.name = name
    }

    /// Reads a token; nil when it is empty or holds a byte that no token may.
    public init?(token: Span<UInt8>) {
        if let known = Method.known(token) {
            self = known
            return
        }
        if token.isEmpty { return nil }
        var name: [UInt8] = []
        for index in token.indices {
            guard isTokenByte(token[index]) else { return nil }
            name.append(token[index])
        }
        self.name = String(decoding: name, as: UTF8.self)
    }

    /// GET
    public static let get = Method(known: "GET")
    /// HEAD
    public static let head = Method(known: "HEAD")
    /// POST
    public static let post = Method(known: "POST")
    /// PUT
    public static let put = Method(known: "PUT")
    /// PATCH (RFC 5789)
    public static let patch = Method(known: "PATCH")
    /// DELETE
    public static let delete = Method(known: "DELETE")
    /// OPTIONS
    public static let options = Method(known: "OPTIONS")
    /// CONNECT
    public static let connect = Method(known: "CONNECT")
    /// TRACE
    public static let trace = Method(known: "TRACE")

    /// The well-known methods without building a string from bytes.
    private static func known(_ token: Span<UInt8>) -> Method? {
        let all = 0..<token.count
        switch token.count {
        case 3: return equals(token, all, "GET") ? .get : equals(token, all, "PUT") ? .put : nil
        case 4: return equals(token, all, "POST") ? .post : equals(token, all, "HEAD") ? .head : nil
        case 5: return equals(token, all, "PATCH") ? .patch : equals(token, all, "TRACE") ? .trace : nil
        case 6: return equals(token, all, "DELETE") ? .delete : nil
        case 7:
            return equals(token, all, "OPTIONS") ? .options : equals(token, all, "CONNECT") ? .connect : nil
        default: return nil
        }
    }
}
