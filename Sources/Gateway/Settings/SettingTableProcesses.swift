extension Setting {
    static let processes: [Setting] = [
        Setting(
            "REUSE_PROCESSES", .processes, .choice(\.processes.reuse),
            "What a CLI process serves when its turn is over: `conversation`, its own conversation; `key`, that, or "
                + "emptied another one of the same key; `off`, nothing.",
            fallback: "key; conversation with REQUIRE_AUTH=false"),
        Setting(
            "WARM_PROCESSES", .processes, .whole(0...64, "processes", \.processes.waitingPerLoop),
            "Started processes that wait for a first question, for each loop; 0 starts none in advance.",
            foreign: [ForeignName("POOL_SIZE"), ForeignName("CLAUDE_POOL_SIZE")]),
        Setting(
            "MAX_IDLE_PROCESSES", .processes, .whole(0...4096, "processes", \.processes.maxIdle),
            "Processes that have served and wait to go on; they give way to turns, the longest idle first. 0 keeps "
                + "none.",
            fallback: "half of the memory at 200 MiB each, at most four for each of MAX_TURNS"),
        Setting(
            "MAX_IDLE_PROCESSES_PER_KEY", .processes, .whole(1...4096, "processes", \.processes.maxIdlePerKey),
            "Of those, the ones of one key.",
            fallback: "half of MAX_IDLE_PROCESSES, but at least 8 of them; all with REQUIRE_AUTH=false"),
        Setting(
            "IDLE_PROCESS_SECONDS", .processes, .whole(idleSeconds, "seconds", \.processes.idleSeconds),
            "How long a process waits to go on.",
            foreign: [
                ForeignName("IDLE_TIMEOUT_MS", .milliseconds(seconds: idleSeconds, \.processes.idleSeconds)),
                ForeignName("MAX_IDLE_MS", .milliseconds(seconds: idleSeconds, \.processes.idleSeconds)),
            ]),
        Setting(
            "MAX_IDLE_PROCESS_BYTES", .processes, .size((64 << 20)...(1 << 40), \.processes.maxIdleBytes),
            "The memory of a process that waits to go on, as PSS (pages that several share count in part); a larger "
                + "one ends."),
        Setting(
            "CHILD_MEMORY_BYTES", .processes, .sizeOrNone((256 << 20)...(1 << 40), \.processes.childBytes),
            "The memory of a CLI process with all that it starts, where systemd delegates control groups; more ends it, "
                + "and its turn fails. 0 sets no bound.",
            fallback: "a quarter of the memory, from 512 MiB to 1 GiB"),
    ]

    private static let idleSeconds = 1...86_400
}
