extension UInt8 {
    /// True for ASCII letters and digits, `_` and `-`, of which vendor and CLI make the names of tools and servers.
    public var isNameByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension String {
    /// True for 1 to `limit` of those bytes.
    public func isName(ofAtMost limit: Int) -> Bool {
        (1...limit).contains(utf8.count) && utf8.allSatisfy(\.isNameByte)
    }
}
