import Testing

@testable import Gateway

@Suite("Values with units")
struct ConfigurationValueTests {
    @Test(
        "a time may be written in another unit that makes a whole number of the setting's",
        arguments: [
            ("90", 90), ("90s", 90), ("5m", 300), ("5min", 300), ("1h", 3600), ("2000ms", 2), ("0", 0), ("0s", 0),
            ("90 s", 90), ("30sec", 30),
        ])
    func seconds(text: String, seconds: Int) throws {
        #expect(try load(["--drain-seconds", text]).drainSeconds == seconds)
        #expect(try load(environment: ["DRAIN_SECONDS": text]).drainSeconds == seconds)
    }

    @Test("settings in milliseconds and days take the same units")
    func otherBases() throws {
        #expect(try load(["--request-timeout-ms", "5m"]).cli.requestTimeoutMilliseconds == 300_000)
        #expect(try load(["--request-timeout-ms", "500ms"]).cli.requestTimeoutMilliseconds == 500)
        #expect(try load(["--request-timeout-ms", "500"]).cli.requestTimeoutMilliseconds == 500)
        #expect(try load(["--responses-keep-days", "2d"]).responses.keepDays == 2)
        #expect(try load(["--responses-keep-days", "48h"]).responses.keepDays == 2)
    }

    @Test(
        "what is no whole number of the unit, out of range or no time is refused",
        arguments: ["1500ms", "2h", "5M", "1.5h", "-1s", "+1s", "1h30m", "s", " 5", "5 weeks", "999999999999999d", "٣"])
    func refusedTimes(text: String) {
        #expect(faults(["--drain-seconds=\(text)"]).count == 1)
    }

    @Test(
        "a size may be written as people write it",
        arguments: [
            ("65536", 65_536), ("64KiB", 65_536), ("64k", 65_536), ("64K", 65_536), ("1M", 1 << 20),
            ("1MiB", 1 << 20),
            ("10MB", 10_000_000), ("10 mb", 10_000_000), ("64kB", 64_000), ("512B", 512),
        ])
    func sizes(text: String, bytes: Int) throws {
        #expect(try load(["--max-body-bytes", text]).limits.maxBodyBytes == bytes)
    }

    @Test("gigabytes are understood where they fit")
    func gigabytes() throws {
        #expect(try load(["--responses-max-bytes", "2GiB"]).responses.maxBytes == 2 << 30)
        #expect(try load(["--responses-max-bytes", "2G"]).responses.maxBytes == 2 << 30)
        #expect(try load(["--responses-max-bytes", "2GB"]).responses.maxBytes == 2_000_000_000)
        #expect(try load(["--body-min-bytes-per-second", "1k"]).limits.bodyMinBytesPerSecond == 1024)
    }

    @Test(
        "anything else is no size",
        arguments: ["1G", "10Mb/s", "1.5M", "-1", "MB", "10TB", "999999999999999GiB", "0x10", "10  M B"])
    func refusedSizes(text: String) {
        #expect(faults(["--max-body-bytes=\(text)"]).count == 1)
    }

    @Test("a size is told in its largest whole unit")
    func spelling() {
        #expect(DecimalText.size(1 << 30) == "1GiB" && DecimalText.size(3 << 20) == "3MiB")
        #expect(DecimalText.size(1025) == "1025" && DecimalText.size(0) == "0")
    }

    @Test(
        "other programs' words for levels are understood, in any letter case",
        arguments: [
            ("warn", .warning), ("WARNING", .warning), ("Err", .error), ("critical", .error), ("fatal", .error),
            ("notice", .info), ("TRACE", .debug), ("verbose", .debug), ("error", .error),
        ] as [(String, LogLevel)])
    func levels(word: String, level: LogLevel) throws {
        #expect(try load(["--log-level", word]).logging.level == level)
        let bare = try load(environment: ["LOG_LEVEL": word])
        #expect(bare.logging.level == level && bare.warnings == [])
    }
}
