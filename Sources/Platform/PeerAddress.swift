public import Glibc

/// Who is at the other end of a connection.
public struct PeerAddress: Sendable, Hashable {
    /// 4 bytes for IPv4, 16 for IPv6, none for a Unix socket.
    public let bytes: InlineBytes
    /// The network that limits are counted by: an IPv4 address, or an IPv6 /64 as one subscriber has.
    public let network: InlineBytes

    /// The network that failures are counted by: an IPv4 address, or an IPv6 /48, the most that one customer is given.
    public var customer: InlineBytes {
        var customer = network
        if customer.count == 16 { customer.high &= ~0xFFFF }
        return customer
    }

    /// Up to 16 bytes in place.
    public struct InlineBytes: Sendable, Hashable {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var count: UInt8 = 0

        /// Makes an IPv4 address of one that is mapped into IPv6 (RFC 4291 §2.5.5.2).
        fileprivate mutating func unmap() {
            guard count == 16, high == 0, low >> 32 == 0xFFFF else { return }
            count = 4
            low &= 0xFFFF_FFFF
        }
    }

    /// The address that the kernel reported for an accepted connection; IPv4 mapped into IPv6 counts as IPv4.
    public init(_ storage: sockaddr_storage) {
        var address = InlineBytes()
        switch Int32(storage.ss_family) {
        case AF_INET:
            address.count = 4
            address.low = unsafe withUnsafeBytes(of: storage) {
                UInt64(UInt32(bigEndian: unsafe $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
            }
        case AF_INET6:
            address.count = 16
            (address.high, address.low) = unsafe withUnsafeBytes(of: storage) {
                (
                    UInt64(bigEndian: unsafe $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    UInt64(bigEndian: unsafe $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
                )
            }
            address.unmap()
        default: break
        }
        self.init(bytes: address)
    }

    /// An IPv4 address as a number.
    public init(ipv4 number: UInt32) {
        self.init(bytes: InlineBytes(high: 0, low: UInt64(number), count: 4))
    }

    /// An IPv6 address as two numbers, the first half first; IPv4 mapped into IPv6 counts as IPv4.
    public init(ipv6 high: UInt64, _ low: UInt64) {
        var address = InlineBytes(high: high, low: low, count: 16)
        address.unmap()
        self.init(bytes: address)
    }

    /// An address as people write it, IPv6 without brackets and zone; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maxTextBytes, !text.utf8.contains(0) else { return nil }
        var storage = in6_addr()  // the larger of the two
        if unsafe inet_pton(AF_INET, text, &storage) == 1 {
            let number = unsafe withUnsafeBytes(of: storage) { unsafe $0.loadUnaligned(as: UInt32.self) }
            self.init(ipv4: UInt32(bigEndian: number))
        } else if unsafe inet_pton(AF_INET6, text, &storage) == 1 {
            let halves = unsafe withUnsafeBytes(of: storage) { bytes in
                (
                    unsafe bytes.loadUnaligned(as: UInt64.self),
                    unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                )
            }
            self.init(ipv6: UInt64(bigEndian: halves.0), UInt64(bigEndian: halves.1))
        } else {
            return nil
        }
    }

    /// The longest text of an address, IPv4 within IPv6.
    public static let maxTextBytes = 45

    init(bytes address: InlineBytes) {
        bytes = address
        var network = address
        if network.count == 16 { network.low = 0 }
        self.network = network
    }

    /// The numeric host of an Internet address, as `getnameinfo` writes it; nil for others.
    static func host(of storage: sockaddr_storage) -> String? {
        var storage = storage
        let length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { text in
            let failure = unsafe withUnsafePointer(to: &storage) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getnameinfo($0, length, text.baseAddress, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
                }
            }
            return failure == 0 ? unsafe text.baseAddress.map { unsafe String(cString: $0) } : nil
        }
    }

    /// True for 127.0.0.0/8 and ::1.
    public var isLoopback: Bool {
        bytes.count == 4 ? bytes.low >> 24 == 127 : bytes.count == 16 && bytes.high == 0 && bytes.low == 1
    }

    /// True for the other end of a Unix socket, which has no address.
    public var isUnix: Bool { bytes.count == 0 }

    /// The address as people write it; `unix` for a Unix socket.
    public var text: String {
        switch bytes.count {
        case 4: [24, 16, 8, 0].map { String(bytes.low >> $0 & 0xFF) }.joined(separator: ".")
        case 16: compressed
        default: "unix"
        }
    }

    /// RFC 5952 §4: no leading zeros, small letters, the first of the longest runs of zeros as `::`.
    private var compressed: String {
        let groups = groups
        var best = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 { start = index + 1 } else if index + 1 - start > best.count { best = start..<index + 1 }
        }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        // §4.2.2: a single group of zeros stays.
        guard best.count > 1 else { return text(0..<8) }
        return "\(text(0..<best.lowerBound))::\(text(best.upperBound..<8))"
    }

    private var groups: [UInt64] {
        [bytes.high, bytes.low].flatMap { half in [48, 32, 16, 0].map { half >> UInt64($0) & 0xFFFF } }
    }
}
