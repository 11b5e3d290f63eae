import CLinux

/// What the kernel lets this process do to have children in namespaces of their own (`SpawnPlan.isApart`).
public struct ApartKernel: Sendable, Equatable {
    /// True where there are such children: what they start ends with them.
    public var isApart: Bool
    /// True where /proc shows them their own processes alone.
    public var hasOwnProc: Bool
    /// True where the kernel bounds how many processes and threads they come to.
    public var boundsTasks: Bool

    /// A kernel of one's own making.
    public init(isApart: Bool, hasOwnProc: Bool, boundsTasks: Bool) {
        self.isApart = isApart
        self.hasOwnProc = hasOwnProc
        self.boundsTasks = boundsTasks
    }

    /// The one we run on, tried once, in a child that does nothing else.
    public static let current: ApartKernel = {
        let kernel = linux_probe_apart()
        return ApartKernel(
            isApart: kernel.is_apart != 0, hasOwnProc: kernel.has_own_proc != 0, boundsTasks: kernel.bounds_tasks != 0)
    }()
}
