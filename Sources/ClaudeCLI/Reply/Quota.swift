public import Vocabulary

/// What the CLI tells of its account's usage limits: the value of `rate_limit_info`.
///
/// Nothing in it is made up: what the CLI did not say is nil. Fractions are of the window's whole, and may be
/// above 1.
public struct Quota: Sendable, Equatable {
    /// One limit and how far it is used up.
    public struct Window: Sendable, Equatable {
        /// The CLI's name, as `five_hour`.
        public var name: String
        /// `allowed`, `allowed_warning` or `rejected`.
        public var status: String?
        /// The fraction that is used.
        public var utilization: Double?
        /// When it begins anew, in Unix seconds.
        public var resetsAt: Int?
        /// The highest fraction at which the vendor warns and that is passed.
        public var surpassedThreshold: Double?
        /// The CLI's own count of what there is in all, where it gives one.
        public var limit: Int?
        /// The CLI's own count of what is left, where it gives one.
        public var remaining: Int?

        /// A window of which nothing is known yet.
        public init(_ name: String) { self.name = name }
    }

    /// Usage beyond the limits that is paid for.
    public struct Overage: Sendable, Equatable {
        /// Whether it may be used: `allowed`, `allowed_warning` or `rejected`.
        public var status: String?
        /// When that changes, in Unix seconds.
        public var resetsAt: Int?
        /// Why it may not be used, as `out_of_credits`.
        public var disabledReason: String?
        /// True while answers are paid for.
        public var isInUse: Bool?

        /// Nothing known.
        public init() {}
    }

    /// Whether requests are answered: `allowed`, `allowed_warning` or `rejected`.
    public var status: String?
    /// The window that `status` and `resetsAt` are about, as `five_hour` or `seven_day_opus`.
    public var claim: String?
    /// When that window begins anew, in Unix seconds.
    public var resetsAt: Int?
    /// All windows that were told, the claimed one among them.
    public var windows: [Window] = []
    /// Usage beyond the limits.
    public var overage = Overage()

    /// Nothing known.
    public init() {}

    /// True when it tells nothing of a limit.
    ///
    /// The CLI prints a status also when the vendor's answer had none, and `rejected` for every 429.
    public var isBare: Bool {
        claim == nil && resetsAt == nil && windows.isEmpty && overage.status == nil && overage.isInUse != true
    }

    /// True when answers beyond the limits are being paid for, or would be.
    public var usesOverage: Bool {
        if overage.isInUse == true { return true }
        return status == "rejected" && (overage.status == "allowed" || overage.status == "allowed_warning")
    }

    /// True when requests like the one it came from are not answered.
    public var isRejected: Bool { status == "rejected" && !usesOverage }
}

// MARK: - Reading

extension Quota {
    /// Reads the JSON object `bytes`; fields of unknown names or wrong types are passed over.
    public init(reading bytes: Span<UInt8>) throws(JSONError) {
        self.init()
        var reader = QuotaReader(bytes)
        try reader.information(into: &self)
    }

    /// As many windows as anybody will ever name; more are passed over.
    fileprivate static let maxWindows = 16

    /// What is said of the claimed window outside the list of windows.
    fileprivate mutating func complete(_ claimed: Window) {
        guard let claim else {
            if claimed.limit != nil || claimed.remaining != nil { windows.append(claimed) }
            return
        }
        guard let index = windows.firstIndex(where: { $0.name == claim }) else {
            var window = claimed
            window.name = claim
            // The CLI says `allowed` also where the vendor warns of a window that is not in its list.
            if status != "allowed" { window.status = status }
            if window.resetsAt != nil || window.utilization != nil || window.limit != nil {
                windows.append(window)
            }
            return
        }
        windows[index].limit = windows[index].limit ?? claimed.limit
        windows[index].remaining = windows[index].remaining ?? claimed.remaining
    }
}

private struct QuotaReader: ~Copyable, ~Escapable {
    private var json: JSONReader
    private let bytes: Span<UInt8>

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
        json = JSONReader(bytes)
    }

    mutating func information(into quota: inout Quota) throws(JSONError) {
        var claimed = Quota.Window("")
        var isInUse: Bool?
        var isUsing: Bool?
        try json.enterObject()
        while let key = try json.key() {
            if json.matches(key, "status") {
                quota.status = try word()
            } else if json.matches(key, "rateLimitType") {
                quota.claim = try word()
            } else if json.matches(key, "unifiedWindows"), try json.peek() == .object {
                quota.windows = try windows()
            } else if json.matches(key, "overageStatus") {
                quota.overage.status = try word()
            } else if json.matches(key, "overageResetsAt") {
                quota.overage.resetsAt = try moment()
            } else if json.matches(key, "overageDisabledReason") {
                quota.overage.disabledReason = try word()
            } else if json.matches(key, "isUsingOverage") {
                isUsing = try flag()
            } else if json.matches(key, "overageInUse") {
                isInUse = try flag()
            } else {
                try windowField(key, &claimed)
            }
        }
        quota.resetsAt = claimed.resetsAt
        if isInUse != nil || isUsing != nil { quota.overage.isInUse = isInUse == true || isUsing == true }
        quota.complete(claimed)
    }

    private mutating func windows() throws(JSONError) -> [Quota.Window] {
        var windows: [Quota.Window] = []
        try json.enterObject()
        while let key = try json.key() {
            let isWindow = try json.peek() == .object && windows.count < Quota.maxWindows
            guard isWindow, let name = Self.word(key, in: bytes) else {
                _ = try json.skip()
                continue
            }
            var window = Quota.Window(name)
            try json.enterObject()
            while let key = try json.key() {
                if json.matches(key, "status") {
                    window.status = try word()
                } else {
                    try windowField(key, &window)
                }
            }
            windows.append(window)
        }
        return windows
    }

    private mutating func windowField(_ key: JSONSlice, _ window: inout Quota.Window) throws(JSONError) {
        if json.matches(key, "utilization") {
            window.utilization = try fraction()
        } else if json.matches(key, "surpassedThreshold") {
            window.surpassedThreshold = try fraction()
        } else if json.matches(key, "resetsAt") {
            window.resetsAt = try moment()
        } else if json.matches(key, "reset") || json.matches(key, "resets_at") {
            window.resetsAt = try moment() ?? window.resetsAt
        } else if json.matches(key, "limit") {
            window.limit = try count()
        } else if json.matches(key, "remaining") {
            window.remaining = try count()
        } else {
            _ = try json.skip()
        }
    }

    // MARK: - Values

    private mutating func flag() throws(JSONError) -> Bool? {
        if try json.peek() == .bool { return try json.bool() }
        _ = try json.skip()
        return nil
    }

    private mutating func count() throws(JSONError) -> Int? {
        guard let value = try number(), value >= 0, value < 1e15 else { return nil }
        return Int(value)
    }

    private mutating func fraction() throws(JSONError) -> Double? {
        guard let value = try number(), value >= 0, value < 1e6 else { return nil }
        return value
    }

    /// Unix seconds, also with a fraction, or a time as RFC 3339 writes it.
    private mutating func moment() throws(JSONError) -> Int? {
        if try json.peek() == .string { return Timestamp.seconds(rfc3339: try json.string().string(in: bytes)) }
        guard let value = try number(), value > 0, value < 1e11 else { return nil }
        return Int(value)
    }

    private mutating func number() throws(JSONError) -> Double? {
        guard try json.peek() == .number else {
            _ = try json.skip()
            return nil
        }
        let digits = try json.number()
        return Double(digits.string(in: bytes))
    }

    private mutating func word() throws(JSONError) -> String? {
        guard try json.peek() == .string else {
            _ = try json.skip()
            return nil
        }
        return Self.word(try json.string(), in: bytes)
    }

    /// A machine-readable word; anything else could not stand in a field's name.
    private static func word(_ slice: JSONSlice, in bytes: Span<UInt8>) -> String? {
        guard (1...64).contains(slice.count) else { return nil }
        for index in slice.start..<slice.end {
            switch bytes[index] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                continue
            default: return nil
            }
        }
        return slice.string(in: bytes)
    }
}
