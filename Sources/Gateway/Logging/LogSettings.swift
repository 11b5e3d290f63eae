/// What is logged, and where.
struct LogSettings: Sendable, Equatable {
    /// Where log lines go.
    enum Target: String, Sendable, CaseIterable { case auto, stderr, journal }

    /// The least important level that is written.
    var level = LogLevel.info
    /// Where lines go.
    var target = Target.auto
    /// True when the ids that clients send of their sessions, chats and users are logged.
    var tellsClientIDs = false
    /// True where administrators see the newest errors and warnings.
    var keepsRecent = false
    /// systemd's `JOURNAL_STREAM`, which says whether standard error is the journal.
    var journalStream: String?
}
