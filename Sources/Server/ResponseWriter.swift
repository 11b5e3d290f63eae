package import HTTP

/// The only way to answer: answering consumes it, so that a second answer does not compile.
///
/// Only a server can make one, since nobody beyond its module knows a `ResponseChannel`. One that is dropped unanswered cuts the
/// request off: no client waits for an answer that nobody is going to give.
package struct ResponseWriter: ~Copyable {
    private let channel: any ResponseChannel
    private var isAnswered = false

    init(_ channel: any ResponseChannel) { self.channel = channel }

    deinit { if !isAnswered { channel.abort() } }

    /// The channel, for another writer to answer by.
    consuming func surrender() -> any ResponseChannel {
        isAnswered = true
        return channel
    }

    /// Sends a whole response.
    package consuming func respond(_ response: Response) async {
        isAnswered = true
        await channel.respond(response)
    }

    /// Begins a streamed response.
    package consuming func stream(_ head: Response) -> StreamWriter {
        isAnswered = true
        channel.begin(head)
        return StreamWriter(channel)
    }
}

/// A streamed response in progress; one that is dropped unfinished is cut off, never silently ended.
package struct StreamWriter: ~Copyable {
    private let channel: any ResponseChannel
    private var isFinished = false
    /// How many bytes the client's side has taken.
    package private(set) var sentBytes = 0

    fileprivate init(_ channel: any ResponseChannel) { self.channel = channel }

    deinit { if !isFinished { channel.abort() } }

    /// Sends what `bytes` holds and empties it; false when the client is gone or takes nothing for too long.
    package mutating func send(_ bytes: inout [UInt8]) async -> Bool {
        let count = bytes.count
        guard await channel.send(&bytes) else { return false }
        sentBytes += count
        return true
    }

    /// Ends the response.
    package consuming func finish() async {
        isFinished = true
        await channel.finish()
    }
}
