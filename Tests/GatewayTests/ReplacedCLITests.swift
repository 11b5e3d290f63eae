import ClaudeCLI
import Glibc
import Platform
import TestSupport
import Testing
import Vocabulary

@testable import Gateway

/// A program that is replaced as installers do it: another file is moved into its place.
private final class ProgramOnDisk {
    private let scratch: Scratch
    var path: String { scratch.path(of: "claude") }

    init() throws { scratch = try Scratch() }

    @discardableResult
    func write(_ text: String) throws -> ProgramFile { try Self.install(text, at: path) }

    static func install(_ text: String, at path: String) throws -> ProgramFile {
        let fresh = try Scratch()
        let file = try fresh.write("claude", "#!/bin/sh\n\(text)\n", mode: 0o700)
        try #require(unsafe rename(file, path) == 0)
        return try #require(ProgramFile(path: path))
    }
}

/// A schedule that expectations may ask.
private final class Schedule {
    private var value = TrialSchedule()

    var nextLook: Instant { value.nextLook }
    var nextRepair: Instant? { value.nextRepair }
    func isDue(_ file: ProgramFile?, serving: TriedCLI, at now: Instant) -> Bool {
        value.isDue(file, serving: serving, at: now)
    }
    @discardableResult
    func fail(_ file: ProgramFile?, at now: Instant) -> Bool { value.fail(file, at: now) }
    func end(at now: Instant) { value.end(at: now) }
}

@Suite("A CLI is tried when it has changed")
struct TrialScheduleTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    private func tried(_ file: ProgramFile?, isFinal: Bool = true) -> TriedCLI {
        var report = SelfTestReport(.tested(missing: []))
        report.isFinal = isFinal
        return TriedCLI(file: file, version: "1", selfTest: report)
    }

    @Test("one that is as it was is only looked at")
    func unchanged() throws {
        let program = try ProgramOnDisk()
        let file = try program.write("one")
        let schedule = Schedule()
        #expect(!schedule.isDue(file, serving: tried(file), at: start))
        #expect(schedule.nextLook == start + .seconds(2))
    }

    @Test("one that is another, gone or was never tried is tried at once")
    func changed() throws {
        let program = try ProgramOnDisk()
        let (old, new) = (try program.write("one"), try program.write("two"))
        #expect(old != new)
        for (file, served) in [(new, old), (nil, old), (new, nil)] as [(ProgramFile?, ProgramFile?)] {
            let schedule = Schedule()
            #expect(schedule.isDue(file, serving: tried(served), at: start))
        }
    }

    @Test("one that fails is tried again ever more rarely, at least once a minute")
    func failures() throws {
        let program = try ProgramOnDisk()
        let (old, new) = (try program.write("one"), try program.write("two"))
        let schedule = Schedule()
        var now = start
        var pauses: [Int] = []
        for number in 0..<10 {
            #expect(schedule.isDue(new, serving: tried(old), at: now))
            #expect(schedule.fail(new, at: now) == (number == 0))
            #expect(!schedule.isDue(new, serving: tried(old), at: now))
            let next = try #require(schedule.nextRepair)
            #expect(schedule.nextLook == min(next, now + .seconds(2)))
            pauses.append(next.since(now).count)
            now = next
        }
        #expect(pauses == [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
    }

    @Test("one that failed and is replaced is tried soon, however often, but not without a pause")
    func repaired() throws {
        let program = try ProgramOnDisk()
        let (old, bad, good) = (try program.write("one"), try program.write("two"), try program.write("three"))
        let schedule = Schedule()
        for _ in 0..<8 { schedule.fail(bad, at: start) }
        #expect(!schedule.isDue(good, serving: tried(old), at: start + Milliseconds(249)))
        #expect(schedule.nextLook == start + Milliseconds(250))
        #expect(schedule.isDue(good, serving: tried(old), at: start + Milliseconds(250)))
        schedule.end(at: start)
        #expect(schedule.nextRepair == nil && !schedule.isDue(good, serving: tried(good), at: start))
        #expect(schedule.fail(bad, at: start), "the next failure is the first again")
    }

    @Test("one that comes back as it was is no failure any more")
    func restored() throws {
        let program = try ProgramOnDisk()
        let file = try program.write("one")
        let schedule = Schedule()
        schedule.fail(nil, at: start)
        #expect(!schedule.isDue(file, serving: tried(file), at: start) && schedule.nextRepair == nil)
    }

    @Test("a trial that was cut short is repeated after half a minute and then ever more rarely")
    func unfinished() throws {
        let program = try ProgramOnDisk()
        let file = try program.write("one")
        let serving = tried(file, isFinal: false)
        let schedule = Schedule()
        var now = start
        var pauses: [Int] = []
        #expect(!schedule.isDue(file, serving: serving, at: now))
        for _ in 0..<8 {
            let last = now
            while !schedule.isDue(file, serving: serving, at: now) { now = schedule.nextLook }
            pauses.append(now.since(last).count / 1000)
            schedule.end(at: now)
        }
        #expect(pauses == [30, 60, 120, 240, 480, 960, 1800, 1800])
        #expect(!schedule.isDue(file, serving: tried(file), at: now + .seconds(9999)))
    }
}

@Suite("What a reload knows of the CLI")
struct CarriedCLITests {
    private func settings(_ path: String = "/a", _ mode: CLISettings.SelfTestMode) -> CLISettings {
        var settings = CLISettings()
        (settings.path, settings.selfTest) = (path, mode)
        return settings
    }

    @Test("the same program need not be tried again, another must, and one that served untested before it serves on")
    func carried() throws {
        let program = try ProgramOnDisk()
        let file = try program.write("one")
        let cli = TriedCLI(file: file, version: "1", selfTest: SelfTestReport(.tested(missing: [.history])))
        for mode in [CLISettings.SelfTestMode.auto, .always] {
            let kept = try #require(cli.carried(from: settings("/a", .auto), to: settings("/a", mode)))
            #expect(kept.file == file && kept.selfTest == cli.selfTest && kept.degraded == "history")
        }
        #expect(cli.carried(from: settings("/a", .auto), to: settings("/b", .auto)) == nil)
        let off = try #require(cli.carried(from: settings("/a", .auto), to: settings("/a", .off)))
        #expect(off.file == file && off.selfTest == .off && off.degraded == nil && off.version == "1")
        let on = try #require(off.carried(from: settings("/a", .off), to: settings("/a", .auto)))
        #expect(on.file == nil)
    }

    @Test("one that is told other names of models is tried again, by turns and not by the reload")
    func renamed() throws {
        let program = try ProgramOnDisk()
        let file = try program.write("one")
        let cli = TriedCLI(file: file, version: "1", selfTest: SelfTestReport(.tested(missing: [])), naming: ["A=1"])
        let same = settings("/a", .auto)
        #expect(try #require(cli.carried(from: same, to: same, naming: ["A=1"])).file == file)
        // So do those of other accounts, as far as they were asked for.
        #expect(try #require(cli.carried(from: same, to: same, naming: ["A=1"], others: [["B=1"]])).file == nil)
        for naming: [String]? in [["A=2"], [], nil] {
            let told = try #require(cli.carried(from: same, to: same, naming: naming))
            #expect(told.file == nil && told.naming == naming && told.modelNames.isEmpty && told.version == "1")
        }
        let off = try #require(cli.carried(from: same, to: settings("/a", .off), naming: ["A=2"]))
        #expect(off.file == file && off.naming == ["A=2"])
    }
}

@Suite("Turns wait for a CLI that was replaced", .serialized)
struct ReplacedCLITests {
    private static let unavailable = 503

    private static func replace(_ service: TestService) throws -> ProgramFile {
        let path = service.site.snapshot.program
        return try ProgramOnDisk.install("exec '\(TestService.standin)' \"$@\"", at: path)
    }

    private static func script(_ options: inout ServiceOptions) { options.script = "exec \"$STANDIN\" \"$@\"" }

    /// Becomes true when a turn has asked for a trial.
    private static func whenAsked(
        _ service: TestService, _ body: @escaping @Sendable (Site) throws -> Void
    ) -> Task<Void, any Error> {
        let (loop, site) = (service.loop, service.site)
        // Unstructured: it plays the service, which runs beside its clients.
        return Task(executorPreference: loop) {
            let wakeup = Wakeup()
            site.cliWatch.attach(RemoteWakeup(wakeup, on: loop))
            await wakeup.wait()
            try body(site)
        }
    }

    @Test("a turn is answered once the new one has been tried, by what it can do")
    func waits() async throws {
        let service = try await TestService(Self.script)
        let file = try Self.replace(service)
        let report = SelfTestReport(.tested(missing: [.history]))
        let trial = Self.whenAsked(service) { site in
            site.replace(cli: TriedCLI(file: file, version: "2", selfTest: report))
            site.cliWatch.settle()
        }
        let client = try RawClient(service)
        client.send(RawClient.chat("standin:echo after"))
        let answer = try client.answer()
        try await trial.value
        #expect(answer.status == 200 && answer.body.contains("after"))
        #expect(answer.fields["x-portcullis-degraded"] == "history")
        let health = try client.exchange("GET", "/health")
        #expect(health.body.contains("\"cli_version\":\"2\"") && health.body.contains("\"self_test\":\"degraded\""))
    }

    @Test("one that cannot be used is a 503 with a time, for all who find the same")
    func fails() async throws {
        let service = try await TestService(Self.script)
        let file = try Self.replace(service)
        let trial = Self.whenAsked(service) { site in
            site.cliWatch.settle(failing: file, because: "/secret/place", until: Instant.now + .seconds(7))
        }
        for _ in 0..<2 {
            let client = try RawClient(service)
            client.send(RawClient.chat("Hello"))
            let answer = try client.answer()
            #expect(answer.status == Self.unavailable && !answer.body.contains("/secret"))
            #expect((1...7).contains(Int(answer.fields["retry-after"] ?? "") ?? 0))
        }
        try await trial.value
    }

    @Test("one that fails its self-test answers nothing")
    func refuted() async throws {
        let service = try await TestService(Self.script)
        let file = try Self.replace(service)
        let trial = Self.whenAsked(service) { site in
            let report = SelfTestReport(.tested(missing: [.plainMentions]))
            site.replace(cli: TriedCLI(file: file, version: "2", selfTest: report))
            site.cliWatch.settle()
        }
        let client = try RawClient(service)
        client.send(RawClient.chat("Hello"))
        let answer = try client.answer()
        try await trial.value
        #expect(answer.status == Self.unavailable && answer.body.contains("self-test"))
    }

    @Test("a process of another program is never handed out")
    func supply() async throws {
        let program = try ProgramOnDisk()
        let (old, path) = (try program.write("exit 0"), program.path)
        let new = try program.write("exit 0 # new")
        let service = try await TestService()
        let folder = service.site.snapshot.configuration.stateDirectory
        let loop = service.loop
        // Unstructured because only a task can be given an executor.
        try await Task(executorPreference: loop) {
            let profile = LaunchProfile(path: path, operatorEnvironment: [], loginDirectory: "/nonexistent")
            let supply = CLISupply(
                profile, limits: CLILimits(), directories: try TurnDirectories(state: folder + "/supply"))
            if try await supply.start(only: old) != nil { Issue.record("a process of the old program") }
            if let process = try await supply.start(only: new) { process.kill() } else { Issue.record("no process") }
        }.value
        withExtendedLifetime(program) {}
    }
}
