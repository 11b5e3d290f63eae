import HTTP
import Platform

/// One request and its answer on their way. Every read is passed on at once, and nothing is read before what was read
/// before it has left: at most one read waits in each direction.
final class RelayExchange {
    private let request: Request
    private let pass: RelayPass
    private let connection: RelayConnection
    private let room: RelayRoom
    private var up: Stream
    private var down = Stream()
    /// Where the request's body ends, and where the answer's.
    private var requestEnd: BodyEnd
    private var answerEnd: BodyEnd?
    private var decoder: HTTP1ResponseDecoder
    /// The bytes of the answer's head, as far as they are there.
    private var head: [UInt8] = []
    /// What the child has sent behind its head and is not in `up` yet.
    private var early: [UInt8]
    private var linkKeepsAlive = false
    private var isLinkWritable = true

    /// What is on its way in one direction.
    private struct Stream {
        var pending: [UInt8] = []
        var start = 0
        var isEmpty: Bool { start == pending.count }

        mutating func add(_ bytes: some Sequence<UInt8>) {
            if isEmpty {
                pending.removeAll(keepingCapacity: true)
                start = 0
            }
            pending.append(contentsOf: bytes)
        }
    }

    private enum Step {
        case progress, blocked
        /// One side has gone before its part was complete, or what it sends cannot be read.
        case gone
    }

    init(_ request: Request, head: [UInt8], for pass: RelayPass, over connection: RelayConnection, in room: RelayRoom) {
        self.request = request
        self.pass = pass
        self.connection = connection
        self.room = room
        requestEnd = BodyEnd(of: request.body, limits: room.limits.request)
        decoder = HTTP1ResponseDecoder(answering: request.method, limits: room.limits.response)
        early = connection.takeInput()
        up = Stream()
        up.add(Forwarding.requestHead(head.span, request, along: pass.route))
        if request.expectsContinue { down.add(Forwarding.goOn) }
    }

    /// Passes it on to its end; true when the connection may carry another request.
    func run() async -> Bool {
        if case .length(let count) = request.body, count > room.limits.request.bodyBytes { return false }
        guard let link = await Dialing(route: pass.route, room: room, connection: connection).link() else { return false }
        connection.alarm.deadline = room.loop.now + room.limits.silence
        let end = room.loop.now + room.limits.exchange
        var steps = 0
        while true {
            guard !pass.isRevoked, !connection.hasHungUp, room.loop.now < end else { return cut() }
            let sent = sendUp(link)
            let received = sendDown(link)
            for step in [sent, received] {
                if case .gone = step { return cut() }
            }
            if isAnswered { return await finish(link) }
            if case .blocked = sent, case .blocked = received {
                await connection.wakeup.wait()
                guard !connection.alarm.isDue else { return cut() }
                steps = 0
            } else {
                connection.alarm.deadline = room.loop.now + room.limits.silence
                steps += 1
                // A peer on another core could keep this task from ever finding its socket empty.
                if steps % 16 == 0 { await Task.yield() }
            }
        }
    }

    private var isAnswered: Bool { answerEnd?.isReached == true && down.isEmpty }

    private func cut() -> Bool {
        room.events.note(.cut)
        return false
    }

    private func finish(_ link: UpstreamLink) async -> Bool {
        room.events.note(.forwarded)
        // An answer that came before all of the request was taken is the last one on both connections.
        guard requestEnd.isReached, up.isEmpty else {
            await connection.linger()
            return false
        }
        if linkKeepsAlive { room.pool.give(link, at: room.loop.now) } else { link.finish() }
        connection.keepInput(early)
        return request.keepAlive && !endsConnection
    }

    /// True where the child cannot know the end of the answer but by that of the connection.
    private var endsConnection = false

    // MARK: - To the vendor

    private func sendUp(_ link: UpstreamLink) -> Step {
        guard isLinkWritable else { return .blocked }
        if !up.isEmpty { return flushUp(link) }
        guard !requestEnd.isReached else { return .blocked }
        do throws(HTTPFault) {
            if !early.isEmpty {
                let bytes = early
                let count = try requestEnd.advance(over: bytes.span)
                up.add(bytes[..<count])
                early = Array(bytes[count...])
                return flushUp(link)
            }
            switch connection.receive() {
            case .bytes(let count):
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: room.loop.scratch[..<count]).bindMemory(to: UInt8.self)
                let used = unsafe try requestEnd.advance(over: bytes.span)
                unsafe early = Array(bytes[used...])
                let written = unsafe write(UnsafeBufferPointer(rebasing: bytes[..<used]), to: link)
                unsafe up.add(bytes[written..<used])
                return .progress
            case .waits: return .blocked
            case .ended, .broken: return .gone
            }
        } catch {
            return .gone
        }
    }

    /// Writes what the link takes now, without a copy.
    private func write(_ bytes: UnsafeBufferPointer<UInt8>, to link: UpstreamLink) -> Int {
        var written = 0
        while written < bytes.count {
            switch unsafe link.write(UnsafeBufferPointer(rebasing: bytes[written...]).span) {
            case .bytes(let count): written += count
            case .waits: return written
            case .ended, .broken:
                isLinkWritable = false
                return bytes.count
            }
        }
        return written
    }

    private func flushUp(_ link: UpstreamLink) -> Step {
        let result = unsafe up.pending.withUnsafeBufferPointer { unsafe link.write(UnsafeBufferPointer(rebasing: $0[up.start...]).span) }
        switch result {
        case .bytes(let count):
            up.start += count
            return .progress
        case .waits: return .blocked
        case .ended, .broken:
            // It may have answered all the same, and then closed its side.
            isLinkWritable = false
            return .progress
        }
    }

    // MARK: - To the child

    private func sendDown(_ link: UpstreamLink) -> Step {
        if !down.isEmpty { return flushDown() }
        guard link.isReadable, answerEnd?.isReached != true else { return .blocked }
        switch unsafe link.read(into: room.loop.scratch) {
        case .bytes(let count):
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: room.loop.scratch[..<count]).bindMemory(to: UInt8.self)
            do throws(HTTPFault) { return unsafe try take(bytes) } catch {
                room.events.tell("\(pass.route.host):\(pass.route.port): \(error.reason)")
                return .gone
            }
        case .waits: return .blocked
        case .ended:
            guard endsConnection, answerEnd != nil else { return .gone }
            answerEnd = BodyEnd(of: .none)
            return .progress
        case .broken: return .gone
        }
    }

    private func take(_ bytes: UnsafeBufferPointer<UInt8>) throws(HTTPFault) -> Step {
        if answerEnd == nil {
            unsafe head.append(contentsOf: bytes)
            try takeHeads()
            return .progress
        }
        let used = unsafe try advance(over: bytes.span)
        var written = 0
        while written < used {
            switch unsafe connection.send(UnsafeBufferPointer(rebasing: bytes[written..<used]).span) {
            case .bytes(let count): written += count
            case .waits:
                unsafe down.add(bytes[written..<used])
                return .progress
            case .ended, .broken: return .gone
            }
        }
        return .progress
    }

    private func takeHeads() throws(HTTPFault) {
        while answerEnd == nil {
            let bytes = head
            guard let (found, consumed) = try decoder.decode(bytes.span) else { return }
            let own = Array(bytes[..<consumed])
            let rest = Array(bytes[consumed...])
            head = rest
            // Interim answers say nothing of the answer (RFC 9110 §15.2).
            guard found.status >= 200 else { continue }
            linkKeepsAlive = found.keepAlive
            endsConnection = found.body == .untilEnd
            answerEnd = BodyEnd(of: found.body, limits: room.limits.response)
            down.add(Forwarding.responseHead(own.span, endsConnection: endsConnection || !request.keepAlive))
            let used = try advance(over: rest.span)
            down.add(rest[..<used])
            head = []
        }
    }

    /// Bytes behind the end of an answer are nobody's: the connection is not used again.
    private func advance(over bytes: Span<UInt8>) throws(HTTPFault) -> Int {
        guard let used = try answerEnd?.advance(over: bytes) else { return 0 }
        if used < bytes.count { linkKeepsAlive = false }
        return used
    }

    private func flushDown() -> Step {
        let result = unsafe down.pending.withUnsafeBufferPointer {
            unsafe connection.send(UnsafeBufferPointer(rebasing: $0[down.start...]).span)
        }
        switch result {
        case .bytes(let count):
            down.start += count
            return .progress
        case .waits: return .blocked
        case .ended, .broken: return .gone
        }
    }
}
