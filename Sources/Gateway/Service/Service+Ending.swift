import ClaudeCLI
import Glibc
import Platform
import Server

/// How the service ends: by a signal, or because another process goes on in its place.
extension Service {
    /// The first time: stops accepting and waits for what runs. The second time: ends at once.
    func end(_ signal: Int32) async {
        if isEnding {
            // A successor's signal may come to this process as well.
            if hasHandedOver, !isDrainLimited { return limitDrain() }
            return await breakOff()
        }
        systemd.stopping(status: "finishing what runs")
        log.tell(.stopping, "signal \(signal): finishing what runs")
        predecessor?.say(.drain)
        await drain(atMost: site?.snapshot.configuration.drainSeconds ?? 0)
    }

    /// Stops accepting and lets running turns end, for so many seconds.
    private func drain(atMost seconds: Int) async {
        isEnding = true
        site?.noteEnding()
        busyLoops = workers.count
        site?.processes.end()
        drainLimit = loop.now + .seconds(seconds)
        for worker in workers {
            // Unstructured: the worker calls back from its own loop, which knows of no task here.
            await worker.drain {
                Task(executorPreference: self.loop) { await self.workerIsEmpty() }
            }
        }
        // Unstructured: signals are heard while the limit runs.
        Task(executorPreference: loop) { await self.endTurnsAtLimit() }
        // Unstructured: the manager's clock runs too.
        Task(executorPreference: loop) { await self.askForPatience() }
    }

    private func endTurnsAtLimit() async {
        let limit = Alarm(on: loop, waking: drainWakeup)
        limit.deadline = drainLimit
        while !limit.isDue {
            await drainWakeup.wait()
            limit.deadline = drainLimit
        }
        log.warning("the drain limit is reached: breaking off what still runs")
        await breakOff()
    }

    /// Breaks off what runs, here and in the process before this one.
    func breakOff() async {
        predecessor?.say(.end)
        for worker in workers { await worker.endJobs() }
    }

    private func workerIsEmpty() async {
        busyLoops -= 1
        await endIfEmpty()
    }

    /// Ends when nothing runs and nothing is kept any more.
    func endIfEmpty() async {
        guard isEnding, busyLoops == 0, !isKeeping, predecessor == nil else { return }
        // Whoever asked for the upgrade is to hear of it.
        guard !hasHandedOver || administration == nil else { return }
        await site?.end(on: loop)
        log.info("ended")
        loop.stop()
    }

    /// Tells the service manager that a start or an end takes its time, as long as that is bounded.
    func askForPatience() async {
        let wakeup = Wakeup()
        let alarm = Alarm(on: loop, waking: wakeup)
        defer { alarm.cancel() }
        let end = loop.now + .seconds(Self.startSeconds)
        while !Task.isCancelled, loop.now < (drainLimit.map { $0 + .seconds(Self.endSeconds) } ?? end) {
            systemd.goesOn()
            alarm.deadline = loop.now + Systemd.pulse
            while !alarm.isDue { await wakeup.wait() }
        }
    }

    /// What a start may take, with a CLI that is tried; and what an end may take after the drain limit.
    private static let startSeconds = 120
    private static let endSeconds = 15

    // MARK: - Handing over

    /// False when it cannot be begun now.
    func beginHandover() -> Bool {
        guard !isEnding, !isReloading, !isHandingOver else { return false }
        isHandingOver = true
        return true
    }

    /// The service goes on in this process, or has gone on in another.
    func endHandover() { isHandingOver = false }

    /// Lets a process serve that is ready to, and ends what runs here. False when this one has been told to end.
    func yield(to process: Int32, over link: HandoverLink) async -> Bool {
        guard !isEnding, let site else { return false }
        systemd.handOver(to: process)
        link.say(.go)
        hasHandedOver = true
        self.successor = link
        log.tell(.handedOver, "process \(process) serves now: finishing what runs")
        administration?.stop()
        site.administration.close()
        let configuration = site.snapshot.configuration
        // Nobody waits for this process, and each turn has its own limit.
        await drain(atMost: configuration.drainSeconds + configuration.cli.requestTimeoutMilliseconds / 1000)
        await watchWorker?.drain {}
        // Unstructured: the successor may be told to end meanwhile.
        Task(executorPreference: loop) { await self.hearSuccessor() }
        return true
    }

    /// From now on turns have as long as in an end without a successor.
    func limitDrain() {
        guard !isDrainLimited else { return }
        isDrainLimited = true
        let limit = loop.now + .seconds(site?.snapshot.configuration.drainSeconds ?? 0)
        drainLimit = min(drainLimit ?? limit, limit)
        drainWakeup.signal()
    }

    /// The process before this one has ended.
    func forgetPredecessor() async {
        predecessor = nil
        showStatus()
        await endIfEmpty()
    }
}
