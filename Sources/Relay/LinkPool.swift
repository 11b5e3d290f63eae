import Platform

/// Connections to vendors between two requests, the newest used first: a child that was just started need not wait for
/// a handshake. Bounded in number and time; confined to its loop.
final class LinkPool {
    private struct Kept {
        let link: UpstreamLink
        let end: Instant
    }

    private var kept: [Kept] = []
    private let maximum: Int
    private let time: Milliseconds

    /// Keeps at most `maximum`, each for `time`.
    init(keeping maximum: Int, for time: Milliseconds) {
        self.maximum = maximum
        self.time = time
    }

    /// A connection to that destination that is still open, as far as can be seen.
    func take(to destination: RelayRoute.Destination, at now: Instant) -> UpstreamLink? {
        sweep(at: now)
        while let place = kept.lastIndex(where: { $0.link.destination == destination }) {
            let link = kept.remove(at: place).link
            if link.isStillQuiet() { return link }
        }
        return nil
    }

    /// Keeps a connection on which nothing is under way.
    func give(_ link: UpstreamLink, at now: Instant) {
        link.unwatch()
        sweep(at: now)
        guard maximum > 0 else { return }
        if kept.count >= maximum { kept.removeFirst().link.finish() }
        kept.append(Kept(link: link, end: now + time))
    }

    /// Lets go of those whose time is over; when to look again.
    @discardableResult
    func sweep(at now: Instant) -> Instant? {
        for entry in kept where entry.end <= now { entry.link.finish() }
        kept.removeAll { $0.end <= now }
        return kept.first?.end
    }

    /// How many there are.
    var count: Int { kept.count }
}
