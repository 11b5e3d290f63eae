/// What a process that has served a turn holds, as far as the rows of its next turn depend on it.
public struct ProcessMemory: Sendable {
    /// The number of the next row.
    var nextRow = 0
    /// The vendor's ids of the calls in its last answer, which a client may know by others.
    var callIDs: [String] = []
    /// What all its turns have cost by the CLI's own sum, in nano-USD; nil where that is not known.
    var cost: Int? = 0
    /// False where its conversation does not begin with something a user said: then it cannot be forgotten.
    var canForget = true
    /// The numbers of the first and the last message of a user in its conversation.
    var firstQuestion = 0
    var lastQuestion = 0
    /// Which of the two names the server of its client's tools has; nil without tools.
    var serverName: ClientTools.ServerName?
    /// What it was told of tools, ever, by name: a tool of a known name and schema keeps the description it came with.
    var tools: [String: Int] = [:]
    /// The betas of its first request, which stay in force.
    var betas = ""
    /// What it offers now, likewise.
    var offered: [String: Int] = [:]
    /// A number of the system prompt it has; nil without one. It can be replaced and not be taken away.
    var system: Int?
    /// The name under which it knows its model.
    var model = ""
    /// The settings it works under, in full.
    var settings: [UInt8] = []
}

/// Where a turn begins.
enum StartingPoint: Sendable {
    /// With a process that has been told nothing.
    case fresh
    /// With one that holds all but the last message.
    case kept(ProcessMemory)
    /// With one that is to forget what it holds.
    case rewound(ProcessMemory)
}
