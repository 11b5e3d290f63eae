public import Vocabulary

/// What is known of a run only behind its last event.
public struct RunSummary: Sendable {
    /// What it has cost, in nano-USD; nil where that is not known.
    public var cost: Int?
    /// How long it has taken.
    public var milliseconds: Int
    /// What its commands have changed; nil where none ran.
    public var files: FileReport?
    /// What it has used, where its end does not tell.
    public var usage: Usage

    /// A summary.
    public init(cost: Int?, milliseconds: Int, files: FileReport?, usage: Usage) {
        self.cost = cost
        self.milliseconds = milliseconds
        self.files = files
        self.usage = usage
    }
}

/// What the commands of a run have changed in its workspace.
public struct FileReport: Sendable, Equatable {
    /// The paths beneath the workspace, in order.
    public let paths: [String]
    /// True where there may be others.
    public let isPartial: Bool

    /// A report.
    public init(paths: [String], isPartial: Bool) { (self.paths, self.isPartial) = (paths, isPartial) }
}
