extension Configuration {
    /// How many connections there may be where the process may have so many descriptors: some are kept for the processes
    /// of turns, for the address of those who watch, and for files. Without them a crowd of connections would be answered
    /// that no turn can be begun, and monitors not at all.
    func connectionRoom(descriptors: Int) -> Int {
        let kept = 128 + 8 * (turns.maxRunning + processes.maxIdle)
        return min(limits.maxConnections, max(16, descriptors - kept))
    }
}
