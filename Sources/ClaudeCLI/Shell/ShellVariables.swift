/// What a shell is told by the environment of the CLI that calls it.
struct ShellVariables: Equatable {
    /// The workspace's directory.
    var workspace: String
    /// Where its programs keep what goes with the run: HOME and TMPDIR are in it.
    var room: String
    /// Where the CLI has it leave notes, as where a command ended.
    var notes: String
    /// Where the CLI has it keep what a login shell begins with.
    var snapshots: String
    /// The CLI's program.
    var cli: String
    /// The egress proxy, with the run's token; nil for no network.
    var proxy: String?
    /// The largest file, in bytes.
    var largestFile: Int
    /// The most memory of each of its processes, in bytes; nil where something else bounds them.
    var largestProcess: Int?
    /// How many processes and threads a run may have, as far as its shell may add to them; nil where they are counted with
    /// others'.
    var mostProcesses: Int?

    private static let prefix = "PORTCULLIS_SHELL_"

    /// As `NAME=value`.
    var assignments: [String] {
        let pairs: [(String, String?)] = [
            ("WORKSPACE", workspace), ("ROOM", room), ("NOTES", notes), ("SNAPSHOTS", snapshots), ("CLI", cli),
            ("PROXY", proxy), ("FILE_BYTES", String(largestFile)), ("PROCESS_BYTES", largestProcess.map(String.init)),
            ("PROCESSES", mostProcesses.map(String.init)),
        ]
        return pairs.compactMap { name, value in value.map { "\(Self.prefix)\(name)=\($0)" } }
    }
}

extension ShellVariables {
    /// Reads them; nil where one is missing or makes no sense: then there is no shell.
    init?(_ environment: [String: String]) {
        func path(_ name: String) -> String? {
            environment[Self.prefix + name].flatMap { $0.hasPrefix("/") && $0 != "/" ? $0 : nil }
        }
        func count(_ name: String) -> Int? {
            environment[Self.prefix + name].flatMap { text in
                text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
            }
        }
        guard let workspace = path("WORKSPACE"), let room = path("ROOM"), let notes = path("NOTES"),
            let snapshots = path("SNAPSHOTS"), let cli = path("CLI"), let largestFile = count("FILE_BYTES")
        else { return nil }
        let (largestProcess, mostProcesses) = (count("PROCESS_BYTES"), count("PROCESSES"))
        guard (largestProcess == nil) == (environment[Self.prefix + "PROCESS_BYTES"] == nil),
            (mostProcesses == nil) == (environment[Self.prefix + "PROCESSES"] == nil)
        else { return nil }
        self.init(
            workspace: workspace, room: room, notes: notes, snapshots: snapshots, cli: cli,
            proxy: environment[Self.prefix + "PROXY"], largestFile: largestFile, largestProcess: largestProcess,
            mostProcesses: mostProcesses)
    }
}
