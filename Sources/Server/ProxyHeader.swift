import Platform

/// Reads the header with which a proxy in front tells who has connected to it (HAProxy's PROXY protocol, versions 1 and 2).
///
/// It never takes a byte of what follows: whoever feeds it reads no more than `wanted` at a time. Strict and bounded.
struct ProxyHeader {
    /// What is wrong, in a few words.
    struct Malformed: Error, Equatable {
        let reason: String
    }

    /// How many bytes may be read; zero once the header is complete.
    private(set) var wanted = signature.count
    /// Who has connected to the proxy; nil when the proxy speaks for itself or does not know.
    private(set) var client: PeerAddress?
    private var bytes: [UInt8] = []

    /// The protocol's §2.2.
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    private static let beginning = Array("PROXY ".utf8)
    private static let fixedBytes = 16
    /// More than any proxy puts behind the addresses, a client's certificate included.
    static let maxExtraBytes = 4096
    /// §2.1, with the line end.
    private static let maxLineBytes = 107

    /// Takes bytes, no more than `wanted`; true once the header is complete.
    mutating func take(_ part: some Sequence<UInt8>) throws(Malformed) -> Bool {
        bytes += part
        if isBinary { try takeBinary() } else { try takeLine() }
        return wanted == 0
    }

    private var isBinary: Bool { bytes.first == Self.signature[0] }

    // MARK: - Version 2

    private mutating func takeBinary() throws(Malformed) {
        guard bytes.prefix(Self.signature.count) == Self.signature.prefix(bytes.count) else {
            throw Malformed(reason: "what comes first is no PROXY header")
        }
        guard bytes.count >= Self.fixedBytes else {
            wanted = (bytes.count < Self.signature.count ? Self.signature.count : Self.fixedBytes) - bytes.count
            return
        }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        let addresses = try addressBytes()
        guard length >= addresses, length <= addresses + Self.maxExtraBytes else {
            throw Malformed(reason: "the PROXY header has an impossible length")
        }
        wanted = Self.fixedBytes + length - bytes.count
        if wanted == 0 { client = address() }
    }

    /// How many bytes the addresses take; none where they are not to be looked at.
    private func addressBytes() throws(Malformed) -> Int {
        switch (bytes[12], bytes[13]) {
        case (0x20, _): 0  // LOCAL: the proxy speaks for itself
        case (0x21, 0x00): 0  // UNSPEC
        case (0x21, 0x11): 12
        case (0x21, 0x21): 36
        case (0x21, 0x31): 216  // a Unix socket, whose path says nothing
        default: throw Malformed(reason: "the PROXY header is of a version, command or protocol that there is not")
        }
    }

    private func address() -> PeerAddress? {
        func number(at start: Int) -> UInt64 { bytes[start..<(start + 8)].reduce(0) { $0 << 8 | UInt64($1) } }
        return switch (bytes[12], bytes[13]) {
        case (0x21, 0x11): PeerAddress(ipv4: UInt32(truncatingIfNeeded: number(at: 16) >> 32))
        case (0x21, 0x21): PeerAddress(ipv6: number(at: 16), number(at: 24))
        default: nil
        }
    }

    // MARK: - Version 1

    private mutating func takeLine() throws(Malformed) {
        guard bytes.prefix(Self.beginning.count) == Self.beginning.prefix(bytes.count) else {
            throw Malformed(reason: "what comes first is no PROXY header")
        }
        if bytes.count < Self.signature.count {
            wanted = Self.signature.count - bytes.count
        } else if bytes.last == 0x0A {
            client = try parsedLine()
            wanted = 0
        } else if bytes.count < Self.maxLineBytes {
            wanted = 1  // the line's end is not to be passed
        } else {
            throw Malformed(reason: "the PROXY line does not end")
        }
    }

    private func parsedLine() throws(Malformed) -> PeerAddress? {
        guard bytes.dropLast().last == 0x0D else { throw Self.malformedLine }
        let words = String(decoding: bytes.dropLast(2), as: UTF8.self).split(
            separator: " ", omittingEmptySubsequences: false)
        if words.count >= 2, words[1] == "UNKNOWN" { return nil }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6",
            let source = PeerAddress(String(words[2])), PeerAddress(String(words[3])) != nil,
            words[2].contains(":") == (words[1] == "TCP6"), UInt16(words[4]) != nil, UInt16(words[5]) != nil
        else { throw Self.malformedLine }
        return source
    }

    private static let malformedLine = Malformed(reason: "the PROXY line is malformed")
}
