import Platform
import Testing

@testable import Gateway

@Suite("Settings of living processes")
struct ConfigurationProcessTests {
    private func processes(
        _ arguments: [String] = [], environment: [String: String] = [:], cores: Int = 2, gibibytes: Int = 8,
        file: String? = nil
    ) throws(ConfigurationFaults) -> ProcessSettings {
        var machine = plainMachine
        machine.cores = cores
        machine.memoryBytes = gibibytes << 30
        return try load(arguments, environment: environment, file: file, machine: machine).processes
    }

    @Test("what nobody sets is reuse within a key, one process in advance for each loop, and five minutes")
    func defaults() throws {
        let processes = try processes()
        #expect(processes.reuse == .key && processes.waitingPerLoop == 1)
        #expect(processes.idleSeconds == 300 && processes.maxIdleBytes == 400 << 20)
    }

    @Test(
        "how many are kept follows the memory, and all of them leave a quarter of it free",
        arguments: [
            // cores, GiB, idle, of one key, in all, waiting
            (1, 0, 0, 0, 1, 0), (1, 1, 2, 2, 3, 1), (2, 4, 10, 8, 15, 2), (2, 8, 20, 10, 30, 2), (4, 24, 61, 30, 92, 4),
            (2, 24, 61, 30, 92, 2), (64, 4, 10, 8, 15, 7),
        ])
    func memory(cores: Int, gibibytes: Int, idle: Int, perKey: Int, total: Int, waiting: Int) throws {
        let processes = try processes(cores: cores, gibibytes: gibibytes)
        #expect(processes.maxIdle == idle && processes.maxIdlePerKey == perKey && processes.maxTotal == total)
        #expect(processes.waiting(loops: cores) == waiting)
        let bytes = max(1, idle) * ProcessSettings.processBytes
        #expect(gibibytes == 0 || bytes <= gibibytes << 29)
    }

    @Test("who lowers the turns lowers the idle processes too, and who raises either raises the sum")
    func besideTurns() throws {
        #expect(try processes(["--max-turns", "3"], gibibytes: 24).maxIdle == 12)
        let turns = try processes(["--max-turns", "100"], gibibytes: 4)
        #expect(turns.maxIdle == 10 && turns.maxTotal == 100)
        let idle = try processes(["--max-idle-processes", "50"], gibibytes: 4)
        #expect(idle.maxIdle == 50 && idle.maxIdlePerKey == 25 && idle.maxTotal == 50)
    }

    @Test("no key has more than all, and eight agents of one have their places where there are as many")
    func perKey() throws {
        #expect(try processes(["--max-idle-processes", "8"]).maxIdlePerKey == 8)
        #expect(try processes(["--max-idle-processes", "5"]).maxIdlePerKey == 5)
        #expect(try processes(["--max-idle-processes", "40"]).maxIdlePerKey == 20)
        let given = ["--max-idle-processes=5", "--max-idle-processes-per-key=3"]
        #expect(try processes(given).maxIdlePerKey == 3)
        #expect(try processes(["--max-idle-processes=5", "--max-idle-processes-per-key=9"]).maxIdlePerKey == 5)
    }

    @Test(
        "without reuse none is kept, and with none kept nothing is reused; those that wait for a first question stay",
        arguments: [["--reuse-processes", "off"], ["--max-idle-processes", "0"], ["--reuse-processes", "OFF"]])
    func off(arguments: [String]) throws {
        let processes = try processes(arguments)
        #expect(processes.reuse == .off && processes.maxIdle == 0 && processes.maxIdlePerKey == 0)
        #expect(processes.waitingPerLoop == 1 && processes.waiting(loops: 2) == 2)
        #expect(processes.notes == ["no process is kept after its turn", "processes started in advance for each loop: 1"])
    }

    @Test("no process is started in advance where nobody wants one")
    func cold() throws {
        let processes = try processes(["--warm-processes", "0"])
        #expect(processes.waiting(loops: 8) == 0 && processes.reuse == .key)
        #expect(processes.notes.last == "no process is started in advance")
    }

    @Test("without keys a process goes on with its own conversation at most, and who wanted more is told")
    func withoutKeys() throws {
        let silent = try load(["--require-auth=false"])
        #expect(silent.processes.reuse == .conversation && silent.warnings == [])
        #expect(silent.processes.maxIdlePerKey == silent.processes.maxIdle && silent.processes.maxIdle > 0)
        let told = try load(["--require-auth=false"], environment: ["REUSE_PROCESSES": "key"])
        #expect(told.processes.reuse == .conversation)
        #expect(
            told.warnings == [
                "REUSE_PROCESSES (environment): is conversation, since without keys everybody is one caller"
            ])
        #expect(try load(["--require-auth=false", "--reuse-processes=off"]).processes.reuse == .off)
        #expect(try load(["--reuse-processes=conversation"]).processes.reuse == .conversation)
    }

    @Test("check tells how many are kept, for how long and for what")
    func notes() throws {
        let given = ["--max-idle-processes=12", "--idle-process-seconds=10m", "--reuse-processes=conversation"]
        #expect(
            try processes(given + ["--warm-processes=3"]).notes == [
                "at most 12 idle processes, 8 of one key, each for 600 seconds; used again for the same conversation",
                "processes started in advance for each loop: 3",
            ])
    }

    @Test(
        "a wrong value is told in one line",
        arguments: [
            (["--reuse-processes", "all"], "--reuse-processes: 'all' is none of key, conversation, off"),
            (["--warm-processes", "65"], "--warm-processes: '65' is not a number of processes from 0 to 64"),
            (["--max-idle-processes", "-1"], "--max-idle-processes: '-1' is not a number of processes from 0 to 4096"),
            (
                ["--max-idle-processes-per-key", "0"],
                "--max-idle-processes-per-key: '0' is not a number of processes from 1 to 4096"
            ),
            (
                ["--idle-process-seconds", "0"],
                "--idle-process-seconds: '0' is not a whole number of seconds from 1 to 86400; write 90, 90s, 5m or 1h"
            ),
            (
                ["--max-idle-process-bytes", "1M"],
                "--max-idle-process-bytes: '1M' is not a size from 64MiB to 1024GiB; write bytes, 64KiB or 10MB"
            ),
            (["--max-idle-processe", "3"], "'--max-idle-processe': is no option; did you mean --max-idle-processes?"),
            (["--pool-size", "3"], "'--pool-size': is no option; did you mean --warm-processes?"),
            (["--idle-timeout", "3"], "'--idle-timeout': is no option; did you mean --idle-process-seconds?"),
        ])
    func wrong(arguments: [String], fault: String) {
        #expect(faults(arguments) == [fault])
    }
}

@Suite("Names of similar programs")
struct ForeignNameTests {
    @Test(
        "they are taken from the environment and from a file, prefixed too, and a bare variable is told",
        arguments: [("POOL_SIZE", "WARM_PROCESSES"), ("CLAUDE_POOL_SIZE", "WARM_PROCESSES")])
    func pool(name: String, setting: String) throws {
        let bare = try load(environment: [name: "3"])
        #expect(bare.processes.waitingPerLoop == 3)
        #expect(bare.warnings == ["\(name) (environment): taken as \(setting), which is our name for it"])
        let prefixed = try load(environment: ["PORTCULLIS_\(name)": "4"])
        #expect(prefixed.processes.waitingPerLoop == 4 && prefixed.warnings == [])
        let file = try load(["--config", "/c"], file: "\(name)=5\n")
        #expect(file.processes.waitingPerLoop == 5 && file.warnings == [])
        #expect(Setting.named(name)?.name == setting && Setting.named("PORTCULLIS_\(name)")?.name == setting)
    }

    @Test(
        "milliseconds become seconds, rounded up, and may have a unit",
        arguments: [
            ("60000", 60), ("60001", 61), ("1", 1), ("999", 1), ("1500ms", 2), ("5m", 300), ("86400000", 86_400),
        ])
    func milliseconds(text: String, seconds: Int) throws {
        for name in ["IDLE_TIMEOUT_MS", "MAX_IDLE_MS"] {
            #expect(try load(environment: [name: text]).processes.idleSeconds == seconds)
            #expect(try load(environment: ["PORTCULLIS_\(name)": text]).processes.idleSeconds == seconds)
            #expect(try load(["--config", "/c"], file: "\(name)=\(text)").processes.idleSeconds == seconds)
        }
        // The same digits under our own name are seconds.
        #expect(try load(environment: ["IDLE_PROCESS_SECONDS": "60"]).processes.idleSeconds == 60)
    }

    @Test("our own name wins at the same level and above, and a lower level does not count")
    func precedence() throws {
        let same = try load(environment: ["IDLE_PROCESS_SECONDS": "7", "IDLE_TIMEOUT_MS": "9000"])
        #expect(same.processes.idleSeconds == 7 && same.warnings == [])
        let flag = try load(["--warm-processes", "2"], environment: ["PORTCULLIS_POOL_SIZE": "9", "POOL_SIZE": "x"])
        #expect(flag.processes.waitingPerLoop == 2 && flag.warnings == [])
        let prefixed = try load(environment: ["PORTCULLIS_POOL_SIZE": "9", "WARM_PROCESSES": "4"])
        #expect(prefixed.processes.waitingPerLoop == 9)
        let file = try load(["--config", "/c"], environment: ["POOL_SIZE": "6"], file: "WARM_PROCESSES=4")
        #expect(file.processes.waitingPerLoop == 6)
    }

    @Test(
        "a bare variable that does not fit is another program's, and a prefixed one or a line is a fault",
        arguments: [
            ("POOL_SIZE", "100", "WARM_PROCESSES", "'100' is not a number of processes from 0 to 64"),
            (
                "IDLE_TIMEOUT_MS", "0", "IDLE_PROCESS_SECONDS",
                "'0' is not a whole number of ms from 1 to 86400000; write 5000, 500ms, 90s, 5m or 1h"
            ),
            (
                "IDLE_TIMEOUT_MS", "999999999999999", "IDLE_PROCESS_SECONDS",
                "'999999999999999' is not a whole number of ms from 1 to 86400000; write 5000, 500ms, 90s, 5m or 1h"
            ),
            (
                "MAX_IDLE_MS", "never", "IDLE_PROCESS_SECONDS",
                "'never' is not a whole number of ms from 1 to 86400000; write 5000, 500ms, 90s, 5m or 1h"
            ),
        ])
    func unfit(name: String, value: String, setting: String, problem: String) throws {
        let configuration = try load(environment: [name: value])
        #expect(configuration.processes == (try load()).processes)
        let advice = "passed over, since other programs use this name; ours is PORTCULLIS_\(setting)"
        #expect(configuration.warnings == ["\(name) (environment): \(problem); \(advice)"])
        #expect(
            faults(environment: ["PORTCULLIS_\(name)": value]) == ["PORTCULLIS_\(name) (environment): \(problem)"])
        #expect(faults(["--config", "/c"], file: "\(name)=\(value)") == ["/c:1: \(name): \(problem)"])
    }

    @Test("a file says a thing once, whatever it calls it")
    func twice() {
        #expect(
            faults(["--config", "/c"], file: "WARM_PROCESSES=1\nPOOL_SIZE=2")
                == ["/c:2: POOL_SIZE is given twice, first in line 1"])
    }

    @Test(
        "a variable that is like one of them is let alone",
        arguments: ["POOL_SIZES", "POOLSIZE", "IDLE_TIMEOUT", "IDLE_TIMEOUT_MIN", "MAX_IDLE", "DB_POOL_SIZE"])
    func strangers(name: String) throws {
        #expect(try load(environment: [name: "1"]).warnings == [])
    }
}
