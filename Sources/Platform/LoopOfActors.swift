/// A job that waits on a loop.
struct LoopJob: Sendable {
    let job: UnownedJob
    /// True where it belongs to an actor that is pinned to the loop.
    let isOfActor: Bool
}

/// The executor of the actors that are pinned to a loop: the loop itself, by another name.
final class LoopOfActors: SerialExecutor, @unchecked Sendable {
    // `@unchecked Sendable`: set once, by the loop's initializer, before anybody else knows of this.
    private unowned var loop: EventLoop?

    /// Says whose jobs it takes.
    func serve(_ loop: EventLoop) { self.loop = loop }

    /// Takes a job of an actor from the runtime, on any thread. The actor holds its loop: there is one.
    func enqueue(_ job: consuming ExecutorJob) { loop?.enqueue(LoopJob(job: UnownedJob(job), isOfActor: true)) }

    /// Lets the runtime check that isolated code runs where it should.
    func checkIsolated() { loop?.checkIsolated() }

    /// The same as a question.
    func isIsolatingCurrentContext() -> Bool? { loop?.isCurrent }
}
