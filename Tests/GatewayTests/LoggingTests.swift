import Testing

@testable import Gateway

/// What a log writes into a pipe.
private func written(
    _ level: LogLevel = .debug, target: LogSettings.Target = .journal, _ body: (Log) -> Void
) throws -> String {
    let ends = try Ends()
    body(Log(LogSettings(level: level, target: target), descriptor: ends.writer))
    return ends.drain()
}

@Suite("Log")
struct LoggingTests {
    @Test("a line has its priority, its level and its pairs")
    func line() throws {
        let text = try written { log in
            log.write(.warning) {
                $0.add("msg", "half full")
                $0.add("count", 42)
                $0.add("negative", -7)
                $0.add("missing", nil as Int?)
                $0.add("took_ms", milliseconds: 1_234_056)
            }
        }
        #expect(text == "<4>level=warning msg=\"half full\" count=42 negative=-7 took_ms=1234.056\n")
    }

    @Test("priorities are syslog's")
    func priorities() throws {
        let text = try written {
            $0.error("a")
            $0.warning("b")
            $0.info("c")
            $0.debug("d")
        }
        #expect(
            text
                == "<3>level=error msg=a\n<4>level=warning msg=b\n<6>level=info msg=c\n<7>level=debug msg=d\n"
        )
    }

    @Test(
        "a value cannot leave its place",
        arguments: [
            ("plain", "plain"), ("", "\"\""), ("two words", "\"two words\""), ("a=b", "\"a=b\""),
            ("say \"hi\"", "\"say \\\"hi\\\"\""),
            ("back\\slash", "\"back\\\\slash\""), ("line\nbreak", "\"line\\nbreak\""), ("\r", "\"\\x0d\""),
            ("\u{1B}[2J", "\"\\x1b[2J\""),
            ("é", "\"\\xc3\\xa9\""), ("\u{9B}", "\"\\xc2\\x9b\""), ("\0", "\"\\x00\""),
        ])
    func quoting(value: String, shown: String) throws {
        #expect(try written { $0.info(value) } == "<6>level=info msg=\(shown)\n")
    }

    @Test("a value and a line are bounded whatever they hold", arguments: ["x", "\n", "\u{1}", "é"])
    func bounded(character: String) throws {
        let long = String(repeating: character, count: 10_000)
        let text = try written { log in
            log.write(.info) { line in
                for _ in 0..<10 { line.add("value", long) }
                line.add("end", 1)
            }
        }
        #expect(text.utf8.count <= LogLine.maxBytes && text.utf8.count > 1000)
        #expect(text.hasSuffix("\n") && text.utf8.filter { $0 == 10 }.count == 1)
        #expect(text.contains("..."))
        #expect(text.split(separator: " ").allSatisfy { $0.utf8.count < 1100 })
    }

    @Test("below the level nothing is written and nothing is computed")
    func level() throws {
        var calls = 0
        let text = try written(.warning) { log in
            log.write(.info) { _ in calls += 1 }
            log.debug("\(calls += 1)")
        }
        #expect(text.isEmpty && calls == 0)
    }

    @Test("level and form can be changed, for copies as well")
    func change() throws {
        let text = try written(.warning) { log in
            let copy = log
            copy.info("a")
            log.change(LogSettings(level: .info, target: .stderr))
            copy.info("b")
        }
        #expect(text.hasPrefix("<6>time=") && text.hasSuffix("Z level=info msg=b\n"))
    }

    @Test("outside the journal a line begins with the time")
    func time() throws {
        let text = try written(target: .stderr) { $0.info("x") }
        #expect(text.hasPrefix("<6>time=2") && text.hasSuffix("Z level=info msg=x\n"))
        #expect(LogTime.text(seconds: 951_782_399, milliseconds: 7) == "2000-02-28T23:59:59.007Z")
        #expect(LogTime.text(seconds: 951_782_400) == "2000-02-29T00:00:00Z")
        #expect(LogTime.text(seconds: 1_793_491_200) == "2026-11-01T00:00:00Z")
        #expect(LogTime.text(seconds: -1) == "1969-12-31T23:59:59Z")
    }

    @Test("the journal is known by its device and inode")
    func journalStream() throws {
        let ends = try Ends()
        for (stream, isJournal) in [(ends.writerIdentity, true), ("1:1", false)] {
            Log(LogSettings(journalStream: stream), descriptor: ends.writer).info("x")
            #expect(ends.drain().contains("time=") == !isJournal)
        }
    }

    @Test(
        "lines that nobody reads are dropped and counted, and the next line tells it",
        arguments: [true, false])
    func dropped(isSocket: Bool) throws {
        let ends = try Ends(isSocket: isSocket)
        let log = Log(LogSettings(target: .journal), descriptor: ends.writer)
        let long = String(repeating: "x", count: 1000)
        for _ in 0..<5000 where log.droppedLines == 0 { log.info(long) }
        log.info(long)
        let dropped = log.droppedLines
        #expect(dropped > 0)
        let lines = ends.drain().split(separator: "\n")
        #expect(lines.dropLast().allSatisfy { $0 == "<6>level=info msg=\(long)" })
        log.info("after")
        let told = ends.drain()
        #expect(told.contains("<6>level=info msg=after\n") && told.contains("dropped=\(dropped)\n"))
    }

    @Test("a closed reader does not end the process")
    func closedReader() throws {
        let ends = try Ends()
        ends.closeReader()
        let log = Log(LogSettings(), descriptor: ends.writer)
        log.info("nobody hears")
        #expect(log.droppedLines == 1)
    }

    @Test("the line of a request tells all there is and nothing that is not")
    func audit() throws {
        var record = RequestRecord()
        record.id = "req_1"
        record.keyID = "alice"
        record.address = "::1"
        record.dialect = "messages"
        record.method = "POST"
        record.path = "/v1/messages"
        record.model = "opus\nlevel=error"
        record.servers = ["files", "github"]
        record.status = 200
        record.bytesIn = 10
        record.bytesOut = 20
        record.inputTokens = 3
        record.outputTokens = 4
        record.spawnedMicroseconds = 62_001
        record.endMicroseconds = 1_000_000
        let text = try written { $0.audit(record) }
        #expect(
            text == "<6>level=info event=request id=req_1 key=alice addr=::1 dialect=messages method=POST "
                + "path=/v1/messages model=\"opus\\nlevel=error\" mcp=files,github status=200 in=10 out=20 input_tokens=3 "
                + "output_tokens=4 spawned_ms=62.001 end_ms=1000.000\n")
    }

    @Test("monitors are logged for developers only, faults as warnings")
    func auditLevels() throws {
        var record = RequestRecord()
        record.isMonitoring = true
        record.status = 200
        #expect(try written(.info) { $0.audit(record) }.isEmpty)
        record.isMonitoring = false
        record.status = 502
        #expect(try written(.warning) { $0.audit(record) }.hasPrefix("<4>"))
    }
}
