/// A directory in which the CLI's own tools may work for those who ask, and the bounds of one run in it.
///
/// Its files stay between runs: the gateway makes the directory where it is missing, and never empties it.
public struct Workspace: Sendable, Hashable {
    /// What programs of a run may reach.
    public enum Network: Sendable, Hashable {
        /// Nothing.
        case none
        /// The internet; never this machine, its neighbours, or a cloud's metadata service.
        case open
        /// These hosts alone, `*.` in front for all below one, `:PORT` behind for another port than the usual ones.
        case hosts([String])
    }

    /// What one run may take.
    public struct Bounds: Sendable, Hashable {
        /// Memory of all its processes together, in bytes.
        public var memoryBytes = 2 << 30
        /// Processes and threads of its commands.
        public var processes = 256
        /// What the files of the workspace may come to, in bytes.
        public var diskBytes = 4 << 30
        /// The largest of them: so much less that whoever writes it is told so before the run is ended for all of them.
        var largestFile: Int { diskBytes / 8 * 7 }
        /// How long it may take, in seconds.
        public var seconds = 900
        /// How often the model may be asked.
        public var turns = 50
        /// What it may cost at list prices, in nano-USD; nil for any amount.
        public var cost: Int?

        /// The usual bounds.
        public init() {}
    }

    /// What keys call it in their `agent=` option.
    public var name: String
    /// Where it is: absolute, without links.
    public var directory: String
    /// The CLI's tools that it has.
    public var tools: Set<AgentTool>
    /// What its commands and its `WebFetch` reach.
    public var network = Network.none
    /// The commands that `Bash` may run, `*` for any rest; nil for all.
    public var commands: [String]?
    /// Paths beneath the directory that may be read alone, as patterns relative to it.
    public var readOnly: [String] = []
    /// True when all its keys share the directory; else each has one of its own beneath it.
    public var isShared = false
    /// The bounds of a run.
    public var bounds = Bounds()

    /// A workspace without network, of the usual bounds.
    public init(name: String, directory: String, tools: Set<AgentTool>) {
        self.name = name
        self.directory = directory
        self.tools = tools
    }
}
