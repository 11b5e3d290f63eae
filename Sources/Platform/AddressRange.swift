/// A range of addresses, as `10.0.0.0/8`, `2001:db8::/32`, `::1` or `unix`: those whose first bits are the same.
///
/// IPv4 mapped into IPv6 counts as IPv4, on both sides. `unix` is every peer of a Unix socket.
public struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    /// The first address of the range.
    public let first: PeerAddress
    /// How many bits all of them share.
    public let bits: Int

    /// Parses an address, with `/BITS` behind it or alone; bits of the address beyond those are passed over.
    public init?(_ text: String) {
        if text == "unix" {
            self.init(PeerAddress.unix, bits: 0)
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ PeerAddress(String($0)) }) else { return nil }
        let width = address.bytes.width
        guard parts.count == 2 else {
            self.init(address, bits: width)
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), parts[1].utf8.count <= 3,
            parts[1].utf8.count == 1 || parts[1].utf8.first != 0x30, var bits = Int(parts[1])
        else { return nil }
        // Of a mapped address the first 96 bits are the mapping.
        if width == 32, parts[0].utf8.contains(UInt8(ascii: ":")) { bits -= 96 }
        guard (0...width).contains(bits) else { return nil }
        self.init(address, bits: bits)
    }

    private init(_ address: PeerAddress, bits: Int) {
        first = address.beginning(bits)
        self.bits = bits
    }

    /// True when an address lies in the range.
    public func contains(_ address: PeerAddress) -> Bool {
        address.bytes.count == first.bytes.count && address.beginning(bits).bytes == first.bytes
    }

    /// True for a range that holds every address of its kind, which hardly anybody means.
    public var isEverything: Bool { bits == 0 && first.bytes.count > 0 }

    /// The range as it is written, with its first address.
    public var description: String {
        first.bytes.count == 0 || bits == first.bytes.width ? first.text : "\(first.text)/\(bits)"
    }
}

extension PeerAddress {
    /// The peer of a Unix socket.
    fileprivate static let unix = PeerAddress(bytes: InlineBytes())

    /// The same with zeros behind the first `bits`.
    fileprivate func beginning(_ bits: Int) -> PeerAddress {
        var address = bytes
        switch address.count {
        case 4: address.low &= ~(UInt64(0xFFFF_FFFF) >> UInt64(bits)) & 0xFFFF_FFFF
        case 16:
            // A shift by the whole width gives zero.
            address.high &= ~(UInt64.max >> UInt64(min(bits, 64)))
            address.low &= ~(UInt64.max >> UInt64(max(bits - 64, 0)))
        default: break
        }
        return PeerAddress(bytes: address)
    }
}

extension PeerAddress.InlineBytes {
    /// In bits.
    fileprivate var width: Int { Int(count) * 8 }
}
