import HTTP

/// How heads are changed on their way: only what belongs to one connection, and the credential.
///
/// Both work on heads that a decoder has accepted, line by line, and leave all other lines as they are, letter case included.
enum Forwarding {
    /// What is wrong with what a child shows.
    enum Refusal: Error {
        /// No token, or one that is not in the book.
        case unknownToken
        /// A path outside of what the login is for.
        case foreignPath
    }

    /// Whose request it is: every credential that it shows must be the same child's token.
    static func pass(of request: Request, in book: TokenBook) throws(Refusal) -> RelayPass {
        var found: RelayPass?
        let bearers = request.fields.values(of: .authorization)
        let tokens = request.fields.values(of: .xAPIKey) + bearers.map(bearerToken)
        for token in tokens {
            guard let pass = book.pass(of: token), found == nil || found === pass else { throw .unknownToken }
            found = pass
        }
        guard let found else { throw .unknownToken }
        let segments = request.path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        // A server that resolves them would leave the prefix.
        let climbs = segments.contains { [".", "..", "%2e", "%2e%2e", ".%2e", "%2e."].contains(String(decoding: $0, as: UTF8.self).lowercased()) }
        let prefix = found.route.prefix
        let isBeneath = request.path.starts(with: prefix)
            && (request.path.count == prefix.count || request.path[request.path.startIndex + prefix.count] == UInt8(ascii: "/"))
        guard prefix.isEmpty || (isBeneath && !climbs) else { throw .foreignPath }
        return found
    }

    /// The head that the vendor is sent in place of `head`, which is that of `request`.
    static func requestHead(_ head: Span<UInt8>, _ request: Request, along route: RelayRoute) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(head.count + 256)
        out += Array(request.method.name.utf8) + [UInt8(ascii: " ")] + request.path
        if let query = request.query { out += [UInt8(ascii: "?")] + query }
        out += Array(" HTTP/1.1\r\nHost: ".utf8) + route.authority + lineEnd
        let options = connectionOptions(of: request.fields)
        eachLine(of: head) { line, name in
            switch name {
            case "x-api-key": append(line, name, route.credential(.apiKey), to: &out)
            case "authorization": append(line, name, route.credential(.bearer).map { Array("Bearer ".utf8) + $0 }, to: &out)
            case "host", "expect": break
            default: if !ofConnection.contains(name), !options.contains(name) { out += line + lineEnd }
            }
        }
        out += lineEnd
        return out
    }

    /// The head that a child is sent in place of the vendor's.
    static func responseHead(_ head: Span<UInt8>, endsConnection: Bool) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(head.count + 32)
        var statusLine = 0
        while head[statusLine] != UInt8(ascii: "\n") { statusLine += 1 }
        // The version is each connection's own.
        out += Array("HTTP/1.1".utf8)
        for index in 8...statusLine { out.append(head[index]) }
        var options: Set<String> = []
        eachLine(of: head) { line, name in
            if name == "connection" { options.formUnion(tokens(line.dropFirst(name.utf8.count + 1))) }
        }
        eachLine(of: head) { line, name in
            if !ofConnection.contains(name), !options.contains(name) { out += line + lineEnd }
        }
        if endsConnection { out += Array("Connection: close\r\n".utf8) }
        out += lineEnd
        return out
    }

    /// An answer of the relay's own, in the vendor's form, after which the connection ends.
    static func answer(_ status: Int, _ type: String, _ message: String) -> [UInt8] {
        let body = "{\"type\":\"error\",\"error\":{\"type\":\"\(type)\",\"message\":\"\(message)\"}}"
        let head = "HTTP/1.1 \(status) Refused\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        return Array((head + "Connection: close\r\n\r\n" + body).utf8)
    }

    /// The interim answer that a child waits for before it sends a body (RFC 9110 §10.1.1).
    static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    private static let lineEnd: [UInt8] = [0x0D, 0x0A]

    /// What is between two neighbours only (RFC 9110 §7.6.1); framing is passed on as it is.
    private static let ofConnection: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "upgrade",
    ]

    /// A credential takes the place of a token, in its line; without one the line is left out.
    private static func append(_ line: [UInt8], _ name: String, _ value: [UInt8]?, to out: inout [UInt8]) {
        guard let value else { return }
        out += line.prefix(name.utf8.count) + Array(": ".utf8) + value + lineEnd
    }

    private static func bearerToken(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let scheme = value.prefix(7)
        guard String(decoding: scheme, as: UTF8.self).lowercased() == "bearer " else { return [] }
        return value.dropFirst(7)
    }

    /// The fields that are named in `Connection` belong to it as well; but what frames the body stays.
    private static func connectionOptions(of fields: Fields) -> Set<String> {
        Set(fields.values(of: .connection).flatMap(tokens))
    }

    private static func tokens(_ list: ArraySlice<UInt8>) -> [String] {
        list.split(separator: UInt8(ascii: ",")).map { token in
            String(decoding: token, as: UTF8.self).lowercased().filter { $0 != " " && $0 != "\t" && $0 != "\r" }
        }.filter { !["content-length", "transfer-encoding"].contains($0) }
    }

    /// Each field line of an accepted head, without its end, and its name in lower case.
    private static func eachLine(of head: Span<UInt8>, _ body: (_ line: [UInt8], _ name: String) -> Void) {
        var start = 0
        var isFirst = true
        for index in 0..<head.count where head[index] == UInt8(ascii: "\n") {
            defer {
                start = index + 1
                isFirst = false
            }
            guard !isFirst, index - 1 > start else { continue }
            let line = (start..<index - 1).map { head[$0] }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            body(line, String(decoding: line[..<colon], as: UTF8.self).lowercased())
        }
    }
}
