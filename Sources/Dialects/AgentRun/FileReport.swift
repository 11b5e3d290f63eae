/// What the commands of a run have changed in its workspace.
public struct FileReport: Sendable, Equatable {
    /// The paths beneath the workspace, in order.
    public let paths: [String]
    /// True where there may be others.
    public let isPartial: Bool

    /// A report.
    public init(paths: [String], isPartial: Bool) { (self.paths, self.isPartial) = (paths, isPartial) }
}
