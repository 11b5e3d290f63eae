import Synchronization

/// How important a log line is; the raw values are syslog's priorities (RFC 5424 §6.2.1).
enum LogLevel: Int, Sendable, CaseIterable, AtomicRepresentable {
    case error = 3, warning = 4, info = 6, debug = 7

    /// The level that a word names.
    init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    /// The word for it.
    var name: String {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .info: "info"
        case .debug: "debug"
        }
    }
}
