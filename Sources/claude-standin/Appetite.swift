import Glibc

/// What a program does that takes more than its share, or stays longer.
extension Standin {
    /// In the environment of a process that only waits to be killed.
    static let deserterMark = "STANDIN_DESERTS"

    /// Takes so much memory for good, page by page; says so.
    func takeMemory(mebibytes: Int) -> String {
        for _ in 0..<mebibytes {
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
            for page in stride(from: 0, to: piece.count, by: 4096) { unsafe piece[page] = 1 }
        }
        return "took \(mebibytes) MiB"
    }

    /// Starts so many threads that do nothing; says how many there could be.
    func startThreads(_ count: Int) -> String {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, 64 << 10)
        var started = 0
        while started < count {
            var thread = pthread_t()
            let failure = unsafe pthread_create(&thread, &attributes, { _ in sleepForever() }, nil)
            if failure != 0 { break }
            started += 1
        }
        return "started \(started) threads"
    }

    /// Starts itself once more, in a session of its own and with nothing of ours; says as which process.
    func leaveDeserter() -> String {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        // POSIX_SPAWN_SETSID, which Glibc does not show.
        unsafe posix_spawnattr_setflags(&attributes, 0x80)
        var files = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&files)
        for number in 0...2 as ClosedRange<Int32> {
            unsafe posix_spawn_file_actions_addopen(&files, number, "/dev/null", O_RDWR, 0)
        }
        var words = unsafe [strdup("claude"), nil]
        unsafe setenv(Self.deserterMark, "1", 1)
        var child: pid_t = 0
        let failure = unsafe posix_spawn(&child, "/proc/self/exe", &files, &attributes, &words, environ)
        unsafe unsetenv(Self.deserterMark)
        return failure == 0 ? "left \(child)" : "nobody left: \(failure)"
    }
}
