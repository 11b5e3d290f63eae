/// What is told to those who watch the service.
struct MetricsSettings: Sendable, Equatable {
    /// True when each key has rows of its own.
    var isByKey = false
}
