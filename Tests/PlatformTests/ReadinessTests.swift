import Glibc
import Platform
import Testing

@Suite("Readiness", .timeLimit(.minutes(1)))
struct ReadinessTests {
    @Test("a socket becomes readable when its peer writes, again and again")
    func reading() async throws {
        try await Harness.onLoop { loop in
            let pair = try SocketPair()
            let wakeup = Wakeup()
            let readiness = Readiness(pair.near.number, on: loop, interest: .socket, waking: wakeup)
            defer { readiness.cancel() }
            for round in 0..<20 {
                #expect(pair.near.drain().last == .wouldBlock)
                readiness.readWouldBlock()
                #expect(!readiness.isReadable)
                let text = "round \(round)"
                #expect(pair.far.write(text) == .bytes(text.utf8.count))
                while !readiness.isReadable { await wakeup.wait() }
                #expect(pair.near.drain().text == "round \(round)")
            }
            #expect(!readiness.hasHungUp)
        }
    }

    @Test("what the peer wrote before it went is still read, and the hang-up is seen")
    func hangUp() async throws {
        try await Harness.onLoop { loop in
            let pair = try SocketPair()
            let wakeup = Wakeup()
            let readiness = Readiness(pair.near.number, on: loop, interest: .socket, waking: wakeup)
            defer { readiness.cancel() }
            readiness.readWouldBlock()
            #expect(pair.far.write("farewell") == .bytes(8))
            pair.far.close()
            while !readiness.hasHungUp { await wakeup.wait() }
            #expect(readiness.isReadable)
            let rest = pair.near.drain()
            #expect(rest.text == "farewell")
            #expect(rest.last == .end)
        }
    }

    @Test("a pipe that brought less than there was room for is empty, and what comes later is told, its end too")
    func shortRead() async throws {
        try await Harness.onLoop { loop in
            var ends: [Int32] = [-1, -1]
            #expect(unsafe pipe(&ends) == 0)
            let (near, far) = (ends[0], ends[1])
            defer { close(near) }
            let wakeup = Wakeup()
            let readiness = Readiness(near, on: loop, interest: .reading, waking: wakeup)
            defer { readiness.cancel() }
            var bytes = [UInt8](repeating: 0, count: 64)
            for _ in 0..<5 {
                #expect(unsafe write(far, "line", 4) == 4)
                while !readiness.isReadable { await wakeup.wait() }
                #expect(unsafe read(near, &bytes, bytes.count) == 4)
                readiness.readWasShort()
                #expect(!readiness.isReadable)
            }
            // Both at once: the end is told with what comes before it, and still to be read.
            #expect(unsafe write(far, "last", 4) == 4)
            close(far)
            while !readiness.hasHungUp { await wakeup.wait() }
            #expect(unsafe read(near, &bytes, bytes.count) == 4)
            readiness.readWasShort()
            #expect(readiness.isReadable)
            #expect(unsafe read(near, &bytes, bytes.count) == 0)
        }
    }

    @Test("a peer that ends its sending side alone can still be written to")
    func halfClosed() async throws {
        try await Harness.onLoop { loop in
            let pair = try SocketPair()
            let wakeup = Wakeup()
            let readiness = Readiness(pair.near.number, on: loop, interest: .socket, waking: wakeup)
            defer { readiness.cancel() }
            pair.far.shutdownWriting()
            while !readiness.hasHungUp { await wakeup.wait() }
            #expect(pair.near.drain().last == .end)
            #expect(pair.near.write("answer") == .bytes(6))
            #expect(pair.far.drain().text == "answer")
        }
    }

    @Test("a full socket wakes its writer once the peer has read, every time")
    func socketBackPressure() async throws {
        try await Harness.onLoop { loop in
            let pair = try SocketPair()
            let wakeup = Wakeup()
            let readiness = Readiness(pair.near.number, on: loop, interest: .socket, waking: wakeup)
            defer { readiness.cancel() }
            for _ in 0..<5 {
                let written = pair.near.fill()
                #expect(written > 0)
                readiness.writeWouldBlock()
                #expect(!readiness.isWritable)
                #expect(pair.far.drain().text.utf8.count == written)
                while !readiness.isWritable { await wakeup.wait() }
            }
        }
    }

    @Test("a full pipe wakes its writer once it has been read, and tells it that the reader is gone")
    func pipeBackPressure() async throws {
        try await Harness.onLoop { loop in
            let pair = try PipePair()
            let wakeup = Wakeup()
            let readiness = Readiness(pair.writer.number, on: loop, interest: .writing, waking: wakeup)
            defer { readiness.cancel() }
            for _ in 0..<5 {
                let written = pair.writer.fill()
                #expect(written > 0)
                readiness.writeWouldBlock()
                #expect(pair.reader.drain().text.utf8.count == written)
                while !readiness.isWritable { await wakeup.wait() }
            }
            pair.reader.close()
            while !readiness.hasHungUp { await wakeup.wait() }
            #expect(pair.writer.write([1]) == .failed(EPIPE))
        }
    }

    @Test("the reader of a pipe sees what came before the end, and then the end")
    func pipeEnd() async throws {
        try await Harness.onLoop { loop in
            let pair = try PipePair()
            let wakeup = Wakeup()
            let readiness = Readiness(pair.reader.number, on: loop, interest: .reading, waking: wakeup)
            defer { readiness.cancel() }
            #expect(pair.reader.drain().last == .wouldBlock)
            readiness.readWouldBlock()
            #expect(pair.writer.write("last words") == .bytes(10))
            pair.writer.close()
            while !readiness.hasHungUp { await wakeup.wait() }
            let rest = pair.reader.drain()
            #expect(rest.text == "last words")
            #expect(rest.last == .end)
        }
    }

    @Test("one wakeup serves a descriptor and an alarm")
    func sharedWakeup() async throws {
        try await Harness.onLoop { loop in
            let pair = try SocketPair()
            let wakeup = Wakeup()
            let readiness = Readiness(pair.near.number, on: loop, interest: .socket, waking: wakeup)
            let alarm = Alarm(on: loop, waking: wakeup)
            defer {
                readiness.cancel()
                alarm.cancel()
            }
            readiness.readWouldBlock()
            alarm.deadline = loop.now + Milliseconds(5)
            while !alarm.isDue { await wakeup.wait() }
            #expect(!readiness.isReadable)
            alarm.deadline = loop.now + .seconds(3600)
            #expect(pair.far.write([1]) == .bytes(1))
            while !readiness.isReadable { await wakeup.wait() }
            #expect(!alarm.isDue)
        }
    }

    @Test("a number that is watched again after its descriptor was closed has no memory of the old one")
    func reuse() async throws {
        try await Harness.onLoop { loop in
            for _ in 0..<50 {
                let pair = try SocketPair()
                let wakeup = Wakeup()
                let readiness = Readiness(
                    pair.near.number, on: loop, interest: .socket, waking: wakeup)
                #expect(!readiness.hasHungUp)
                pair.far.close()
                while !readiness.hasHungUp { await wakeup.wait() }
                readiness.cancel()
            }
        }
    }

    @Test("a regular file, which cannot be watched, is always ready")
    func regularFile() async throws {
        try await Harness.onLoop { loop in
            let number = unsafe open("/etc/passwd", O_RDONLY | O_CLOEXEC)
            try #require(number >= 0)
            let file = End(number)
            let readiness = Readiness(file.number, on: loop, interest: .reading, waking: Wakeup())
            #expect(readiness.isReadable)
            #expect(file.drain().last == .end)
            readiness.writeWouldBlock()
            readiness.cancel()
            readiness.cancel()
        }
    }
}

@Suite("File descriptor")
struct FileDescriptorTests {
    @Test("a descriptor is closed when its owner goes")
    func closes() throws {
        let pair = try PipePair()
        #expect(pair.reader.drain().last == .wouldBlock)
        pair.writer.close()
        #expect(pair.reader.drain().last == .end)
    }

    @Test("what fails says why")
    func failures() {
        let none = End(-1)
        #expect(none.drain().last == .failed(EBADF))
        #expect(none.write([1]) == .failed(EBADF))
        none.shutdownWriting()
        #expect(SystemError(code: ENOENT, call: "open x").description == "open x: No such file or directory")
    }

    @Test("a write takes what fits and says how much that was")
    func partialWrite() throws {
        let pair = try PipePair()
        let much = [UInt8](repeating: 1, count: 1 << 20)
        guard case .bytes(let count) = pair.writer.write(much) else {
            Issue.record("nothing was written")
            return
        }
        #expect(count > 0 && count < much.count)
        #expect(pair.writer.write(much) == .wouldBlock)
    }
}
