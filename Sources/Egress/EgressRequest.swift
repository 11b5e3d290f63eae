/// What a program asks the proxy for: the head of its first request, and where it is to go.
struct EgressRequest: Equatable {
    /// Why a head is not understood.
    struct Fault: Error, Equatable { let reason: String }

    /// The name, or an address in digits without brackets.
    var host: String
    var port: UInt16
    /// What is sent there first; empty for a tunnel, which begins empty.
    var opening: [UInt8]
    var isTunnel: Bool
    /// What stands in `Proxy-Authorization` behind `Basic`, decoded; nil where there is none.
    var credential: [UInt8]?

    /// The longest head.
    static let headBytes = 16 << 10

    /// Where the head ends in what has been received; nil while it does not.
    static func end(in bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 3..<bytes.count where bytes[index] == 0x0A {
            if bytes[index - 1] == 0x0D, bytes[index - 2] == 0x0A, bytes[index - 3] == 0x0D { return index + 1 }
        }
        return nil
    }

    /// Reads a head that is there as a whole (RFC 9110 §9.3.6, RFC 9112 §3.2.2).
    init(_ head: ArraySlice<UInt8>) throws(Fault) {
        let lines = try Self.lines(of: head)
        let words = lines[0].split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, words[2].elementsEqual("HTTP/1.1".utf8) || words[2].elementsEqual("HTTP/1.0".utf8),
            !words[0].isEmpty, words[0].allSatisfy({ (0x41...0x5A).contains($0) })
        else { throw Fault(reason: "the request line is not one of HTTP/1.1") }
        isTunnel = words[0].elementsEqual("CONNECT".utf8)
        credential = try Self.credential(of: lines.dropFirst())
        if isTunnel {
            (host, port) = try Self.authority(words[1], usual: nil)
            opening = []
            return
        }
        let scheme = Array("http://".utf8)
        guard words[1].starts(with: scheme) else { throw Fault(reason: "only http:// is passed on, and CONNECT for all else") }
        let rest = words[1].dropFirst(scheme.count)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        (host, port) = try Self.authority(authority, usual: 80)
        let path = rest.dropFirst(authority.count)
        opening = words[0] + [UInt8(ascii: " ")] + (path.first == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + path
        opening += Array(" HTTP/1.1\r\nHost: ".utf8) + authority + Array("\r\nConnection: close\r\n".utf8)
        for line in lines.dropFirst() where !Self.ofConnection.contains(Self.name(of: line)) { opening += line + [0x0D, 0x0A] }
        opening += [0x0D, 0x0A]
    }

    /// What is between a program and the proxy, and what is said anew. One request is passed on for each connection.
    private static let ofConnection: Set<String> = [
        "host", "connection", "proxy-connection", "proxy-authorization", "proxy-authenticate", "keep-alive", "upgrade", "te",
    ]

    /// The request line and the fields, of which there is at least the first.
    private static func lines(of head: ArraySlice<UInt8>) throws(Fault) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        for line in head.split(separator: 0x0A, omittingEmptySubsequences: false) {
            guard !line.isEmpty else { continue }
            guard line.last == 0x0D, line.dropLast().allSatisfy({ $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }) else {
                throw Fault(reason: "the head is malformed")
            }
            if line.count > 1 { lines.append(line.dropLast()) }
        }
        guard let first = lines.first, first.first != UInt8(ascii: " ") else { throw Fault(reason: "the head is malformed") }
        for line in lines.dropFirst() where name(of: line).isEmpty { throw Fault(reason: "a field is malformed") }
        return lines
    }

    /// In lower case; empty for a line that has none.
    private static func name(of line: ArraySlice<UInt8>) -> String {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return "" }
        let name = line[..<colon]
        guard name.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return "" }
        return String(decoding: name, as: UTF8.self).lowercased()
    }

    /// `host:port`, the host in brackets where it is an address of IPv6.
    private static func authority(_ text: ArraySlice<UInt8>, usual: UInt16?) throws(Fault) -> (String, UInt16) {
        let fault = Fault(reason: "the host is malformed")
        var host = text, port: ArraySlice<UInt8>?
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")) else { throw fault }
            host = text[text.index(after: text.startIndex)..<end]
            let behind = text[text.index(after: end)...]
            guard behind.isEmpty || behind.first == UInt8(ascii: ":") else { throw fault }
            port = behind.isEmpty ? nil : behind.dropFirst()
            guard host.allSatisfy(isAddressByte) else { throw fault }
        } else if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        let isNamed = text.first == UInt8(ascii: "[") || host.allSatisfy(isNameByte)
        guard !host.isEmpty, host.count <= 253, isNamed else { throw fault }
        guard let port else {
            guard let usual else { throw fault }
            return (String(decoding: host, as: UTF8.self), usual)
        }
        guard (1...5).contains(port.count), port.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = UInt16(String(decoding: port, as: UTF8.self)), number > 0
        else { throw fault }
        return (String(decoding: host, as: UTF8.self), number)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66, UInt8(ascii: ":"), UInt8(ascii: "."): true
        default: false
        }
    }

    private static func credential(of fields: ArraySlice<ArraySlice<UInt8>>) throws(Fault) -> [UInt8]? {
        let values = fields.filter { name(of: $0) == "proxy-authorization" }
        guard values.count < 2 else { throw Fault(reason: "there are two credentials") }
        guard let line = values.first else { return nil }
        let value = line.dropFirst("proxy-authorization:".utf8.count).drop { $0 == 0x20 || $0 == 0x09 }
        guard String(decoding: value.prefix(6), as: UTF8.self).lowercased() == "basic " else { return nil }
        return Base64.decode(value.dropFirst(6))
    }
}
