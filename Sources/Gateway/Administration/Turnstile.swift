import Platform

/// Lets one at a time pass, in the order in which they come. Confined to its loop.
final class Turnstile {
    private var isTaken = false
    private var waiting: [Wakeup] = []

    /// Runs `body` when all that came before are through.
    func pass<Value>(_ body: () async -> Value) async -> Value {
        if isTaken {
            let wakeup = Wakeup()
            waiting.append(wakeup)
            // Whoever leaves hands it on: it is never free in between.
            await wakeup.wait()
        }
        isTaken = true
        let value = await body()
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().signal() }
        return value
    }
}
