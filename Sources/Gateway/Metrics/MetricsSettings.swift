import Platform

/// What is told to those who watch the service.
struct MetricsSettings: Sendable, Equatable {
    /// Where metrics are told without a key, beside the other addresses; nil for nowhere.
    var listener: ListenAddress?
    /// True when each key has rows of its own.
    var isByKey = false
}
