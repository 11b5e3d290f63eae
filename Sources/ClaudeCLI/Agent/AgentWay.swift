/// A way into the network for the programs of one process, good until its end.
public protocol AgentWay: AnyObject, Sendable {
    /// The address of a proxy, with a token in it.
    var url: String { get }

    /// Why programs have not got where they wanted since this was last asked.
    func takeReasons() -> [WayReason]
}

/// Why a program of a run has not got where it wanted.
public struct WayReason: Sendable {
    /// In words, for the model.
    let text: String
    /// True where the workspace does not allow it.
    let isDenial: Bool

    /// A reason.
    public init(text: String, isDenial: Bool) { (self.text, self.isDenial) = (text, isDenial) }
}
