/// Numbers written by people: digits only, since `Int(text)` would also take `+5`.
enum DecimalText {
    /// The number that the digits spell; nil for anything else, and above 15 digits.
    static func parse(_ digits: some Collection<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= 15 else { return nil }
        var value = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }

    /// What a size may end in, in any letter case: as in coreutils `MB` counts 1000, `M` and `MiB` count 1024.
    private static let sizes = [
        "": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30,
        "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000,
    ]

    /// The bytes that a size spells: digits, then nothing or a unit.
    static func parseSize(_ text: String) -> Int? {
        let (number, unit) = split(text)
        guard let number, let factor = sizes[unit.lowercased()] else { return nil }
        return product(number, factor)
    }

    /// The time that the text spells, as a whole number of `unit`, in which bare digits are.
    static func parseTime(_ text: String, in unit: TimeUnit) -> Int? {
        let (number, suffix) = split(text)
        guard let number else { return nil }
        guard !suffix.isEmpty else { return number }
        guard let factor = TimeUnit.written[suffix], let milliseconds = product(number, factor),
            milliseconds % unit.milliseconds == 0
        else { return nil }
        return milliseconds / unit.milliseconds
    }

    /// The digits as a number, and what stands behind them, after a blank perhaps.
    private static func split(_ text: String) -> (number: Int?, unit: String) {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let rest = text.utf8.dropFirst(digits.count).drop { $0 == UInt8(ascii: " ") }
        return (parse(digits), String(decoding: rest, as: UTF8.self))
    }

    private static func product(_ number: Int, _ factor: Int) -> Int? {
        let (value, overflows) = number.multipliedReportingOverflow(by: factor)
        return overflows ? nil : value
    }

    /// The shortest spelling of a size.
    static func size(_ bytes: Int) -> String {
        if bytes > 0, bytes % (1 << 30) == 0 { return "\(bytes >> 30)GiB" }
        if bytes > 0, bytes % (1 << 20) == 0 { return "\(bytes >> 20)MiB" }
        if bytes > 0, bytes % (1 << 10) == 0 { return "\(bytes >> 10)KiB" }
        return String(bytes)
    }
}

/// The units in which settings of time are kept; their raw values are how the reference calls them.
enum TimeUnit: String, Sendable {
    case milliseconds = "ms"
    case seconds
    case days

    /// How long one is.
    var milliseconds: Int {
        switch self {
        case .milliseconds: 1
        case .seconds: 1_000
        case .days: 86_400_000
        }
    }

    /// How a fault says what to write.
    var examples: String {
        switch self {
        case .milliseconds: "5000, 500ms, 90s, 5m or 1h"
        case .seconds: "90, 90s, 5m or 1h"
        case .days: "30 or 30d"
        }
    }

    /// What may stand behind a number, and how long it is; small letters, since `M` is a month to some.
    static let written = [
        "ms": 1, "s": 1_000, "sec": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000,
    ]
}
