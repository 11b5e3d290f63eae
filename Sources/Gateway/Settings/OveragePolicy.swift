/// Whether usage beyond the limits may be paid for.
enum OveragePolicy: String, Sendable, CaseIterable { case allow, refuse }
