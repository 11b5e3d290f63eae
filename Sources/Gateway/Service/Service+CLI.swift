import ClaudeCLI
import Platform

extension Service {
    /// Sees to it that turns run on a CLI that was tried: one that is replaced while the service runs, as one that
    /// updates itself, is noticed by the next turn or within seconds, and tried before it serves. A trial that a busy
    /// machine has cut short is repeated.
    ///
    /// It goes on while the service ends, since turns that were admitted may wait for it.
    func watchCLI() async {
        guard let site else { return }
        let wakeup = Wakeup()
        site.cliWatch.attach(RemoteWakeup(wakeup, on: loop))
        let alarm = Alarm(on: loop, waking: wakeup)
        var schedule = TrialSchedule()
        while true {
            let snapshot = site.snapshot
            let file = ProgramFile(path: snapshot.program)
            let isWanted = site.cliWatch.takeWish()
            if schedule.isDue(file, serving: snapshot.cli, at: loop.now) || isWanted {
                await tryCLI(file, serving: snapshot.cli, on: site, &schedule)
                // What stands there now may be another one again.
                continue
            }
            if schedule.nextRepair == nil {
                site.cliWatch.settle()
                note(.cli, problems(of: snapshot.cli))
            } else {
                site.cliWatch.lookAgain()
            }
            alarm.deadline = schedule.nextLook
            await wakeup.wait()
        }
    }

    /// Tries what stands in the CLI's place, found to be `file`, and lets it serve if it can.
    private func tryCLI(
        _ file: ProgramFile?, serving old: TriedCLI, on site: Site, _ schedule: inout TrialSchedule
    ) async {
        guard let loaded else { return }
        do throws(ConfigurationFaults) {
            let fresh = try await SnapshotLoader.trial(of: loaded, on: loop)
            schedule.end(at: loop.now)
            // One that was replaced during its trial, or that a reload has turned from, is looked at anew.
            guard fresh.file == file, file?.isUnchanged == true, let newest = self.loaded,
                newest.configuration.cli.path == loaded.configuration.cli.path,
                newest.configuration.cli.selfTest == loaded.configuration.cli.selfTest,
                SnapshotLoader.naming(of: newest) == fresh.naming,
                SnapshotLoader.otherNamings(of: newest).isSubset(of: SnapshotLoader.otherNamings(of: loaded))
            else { return }
            site.replace(cli: fresh)
            tell(fresh, after: old)
        } catch {
            let reason = error.faults.map(\.description).joined(separator: "; ")
            guard file == nil || file != old.file else {
                schedule.end(at: loop.now)
                return log.warning("self-test: \(reason)")
            }
            if schedule.fail(file, at: loop.now) { log.tell(.cliUnusable, "the CLI was replaced and cannot be used: \(reason)", at: .error) }
            site.cliWatch.settle(failing: file, because: reason, until: schedule.nextRepair ?? loop.now)
            let path = loaded.configuration.cli.path
            note(
                .cli,
                [
                    "\(path) was replaced and cannot be used, so no turn is run: install the CLI anew; it is tried "
                        + "again by itself"
                ])
        }
    }

    private func tell(_ fresh: TriedCLI, after old: TriedCLI) {
        if old.file != fresh.file {
            let missing = fresh.degraded.map { ", without \($0)" } ?? ""
            log.tell(
                .cliReplaced,
                "the CLI was replaced: version \(old.version) before, \(fresh.version) now, self-test "
                    + fresh.selfTest.word + missing)
        }
        if fresh.selfTest.word != "passed" || fresh.selfTest != old.selfTest { fresh.selfTest.tell(log) }
        showStatus()
    }

    private func problems(of cli: TriedCLI) -> [String] {
        guard cli.selfTest.turnFault != nil, let missing = cli.degraded else { return [] }
        return ["the CLI \(cli.version) failed its self-test (\(missing)), so no turn is run: install another version"]
    }
}
