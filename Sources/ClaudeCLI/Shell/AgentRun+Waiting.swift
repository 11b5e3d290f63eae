public import Platform

/// What becomes of a run's process behind its end.
extension AgentRun {
    /// Whether its process may wait for the conversation to go on.
    ///
    /// False where what a command leaves running ends with the process alone, as signals cannot be bounded by walls: it would
    /// outlive the run.
    public func mayWait(on kernel: WallKernel = .current) -> Bool {
        kernel.boundsSignals || !tools.contains(where: \.runsPrograms)
    }
}
