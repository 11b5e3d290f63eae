import HTTP
import Platform

/// Who asks, as proxies in front tell with each request (`x-forwarded-for`).
///
/// Each proxy appends the address that has connected to it, so that the list is to be believed from its end on, for as
/// long as the address there is a proxy that is trusted. What stands before is whatever a client likes to say.
enum ForwardedFor {
    /// The address nearest to us that is no trusted proxy; where all are, the one that is farthest away. `peer`, who is
    /// trusted, is the answer where nothing is said.
    static func client(_ request: Request, from peer: PeerAddress, trusting ranges: [AddressRange]) -> PeerAddress {
        var nearest = peer
        var left = maxAddresses
        for value in request.fields.values(of: .xForwardedFor).reversed() {
            for element in value.split(separator: UInt8(ascii: ",")).reversed() {
                let text = String(decoding: element, as: UTF8.self).trimmingBlanks
                if text.isEmpty { continue }
                left -= 1
                // What cannot be read is not passed over: what stands before it is nobody's word.
                guard left >= 0, let address = address(in: text) else { return nearest }
                nearest = address
                guard ranges.contains(where: { $0.contains(address) }) else { return nearest }
            }
        }
        return nearest
    }

    /// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`.
    static func address(in text: Substring) -> PeerAddress? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else { return nil }
            let host = text[text.index(after: text.startIndex)..<end]
            return host.contains(":") ? PeerAddress(String(host)) : nil
        }
        guard let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") else {
            return PeerAddress(String(text))
        }
        return isPort(text[colon...]) ? PeerAddress(String(text[..<colon])) : nil
    }

    /// Nothing, or a colon and a number.
    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.first == ":" && DecimalText.parse(text.dropFirst().utf8).map { $0 <= 65_535 } ?? false
    }

    /// More proxies than anybody has, one behind the other.
    private static let maxAddresses = 32
}

extension String {
    /// Without spaces and tabs around it.
    fileprivate var trimmingBlanks: Substring {
        var text = self[...]
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
