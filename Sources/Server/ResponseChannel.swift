import HTTP

/// One request's way back to its client, over whichever version of HTTP. Known to this module alone, which gives
/// a job its two halves: a `RequestChannel`, and a `ResponseWriter` that is good for one answer.
protocol ResponseChannel: RequestChannel {
    /// Sends a whole response.
    func respond(_ response: Response) async
    /// Sends the head of a streamed response.
    func begin(_ response: Response)
    /// Sends what `bytes` holds and empties it; false when the client is gone or takes nothing for too long.
    func send(_ bytes: inout [UInt8]) async -> Bool
    /// Ends a streamed response.
    func finish() async
    /// Cuts a streamed response off, so that the client sees that it is not whole.
    func abort()
}
