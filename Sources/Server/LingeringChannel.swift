package import HTTP
package import Platform

/// A channel whose streamed response goes on for a while when its client is gone, and is kept meanwhile.
///
/// A client that comes again in that time reads on from what is kept. A whole response has no such client: it ends with its
/// connection as any other. Confined to the loop of the channel that it stands for.
package final class LingeringChannel: ResponseChannel {
    private let inner: any ResponseChannel
    private let kept: KeptStream
    private let loop: EventLoop
    private let patience: Milliseconds
    private var isStreaming = false
    private var goneSince: Instant?

    /// Stands for the channel of `writer`, whose response is kept in `kept` and goes on for `patience` without a client.
    package init(
        _ writer: consuming ResponseWriter, keeping kept: KeptStream, on loop: EventLoop, for patience: Milliseconds
    ) {
        inner = writer.surrender()
        (self.kept, self.loop, self.patience) = (kept, loop, patience)
    }

    /// What answers by this channel; to be made once.
    package func writer() -> ResponseWriter { ResponseWriter(self) }

    package var request: Request { inner.request }
    package var wakeup: Wakeup { inner.wakeup }

    package var isClientGone: Bool {
        guard isStreaming else { return inner.isClientGone }
        guard isGone else { return false }
        return (goneSince ?? loop.now) + patience <= loop.now
    }

    /// True once the connection is of no use.
    private var isGone: Bool {
        if goneSince == nil, inner.isClientGone { goneSince = loop.now }
        return goneSince != nil
    }

    package func readBody(within limits: WireLimits) async throws(BodyFault) -> [UInt8] {
        try await inner.readBody(within: limits)
    }

    func respond(_ response: Response) async {
        kept.end()
        await inner.respond(response)
    }

    func begin(_ response: Response) {
        isStreaming = true
        inner.begin(response)
    }

    func send(_ bytes: inout [UInt8]) async -> Bool {
        kept.append(bytes)
        if !isGone, await inner.send(&bytes) { return true }
        if goneSince == nil { goneSince = loop.now }
        bytes.removeAll(keepingCapacity: true)
        return !isClientGone
    }

    func finish() async {
        kept.end()
        if isGone { inner.abort() } else { await inner.finish() }
    }

    func abort() {
        kept.end()
        inner.abort()
    }
}
