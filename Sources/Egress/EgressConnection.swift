import Platform
import Relay
import Synchronization

/// One connection of a program of a run: one request, refused, or passed on with all that follows.
final class EgressConnection {
    let room: EgressRoom
    let wakeup = Wakeup()
    let alarm: Alarm
    private let near: EgressSocket
    private var input: [UInt8] = []
    private var pass: EgressPass?
    private var hasGivenWay = false

    init(_ socket: consuming FileDescriptor, in room: EgressRoom) {
        self.room = room
        alarm = Alarm(on: room.loop, waking: wakeup)
        near = EgressSocket(socket, on: room.loop, waking: wakeup)
    }

    /// A stranger has taken its place.
    func giveWay() {
        hasGivenWay = true
        wakeup.signal()
    }

    /// True once nobody waits for it any more.
    var isPointless: Bool { near.hasHungUp || hasGivenWay || pass?.isRevoked == true }

    /// Serves until either side ends the connection.
    func run() async {
        defer {
            room.end(self, of: pass)
            near.close()
            alarm.cancel()
        }
        guard let head = await head() else { return }
        let request: EgressRequest
        do throws(EgressRequest.Fault) { request = try EgressRequest(head[...]) } catch {
            return await refuse("400 Bad Request", error.reason)
        }
        guard let credential = request.credential, let pass = Self.pass(credential, in: room.table) else {
            return await refuse("407 Proxy Authentication Required", "the proxy knows no such run")
        }
        guard let lookup = room.enter(pass, self) else { return await refuse("403 Forbidden", "the run has too many connections") }
        self.pass = pass
        if let objection = pass.rule.objection(to: request.host, request.port) {
            pass.note(EgressObstacle(reason: objection, isRefusal: true))
            return await refuse("403 Forbidden", objection)
        }
        switch await EgressDialing(request: request, lookup: lookup, connection: self).socket() {
        case .failure(let failure):
            pass.note(EgressObstacle(reason: failure.reason, isRefusal: failure.status.hasPrefix("403")))
            await refuse(failure.status, failure.reason)
        case .success(let far):
            pass.made.add(1, ordering: .relaxed)
            await carry(request, to: far)
        }
    }

    /// The one of `run:TOKEN`.
    private static func pass(_ credential: [UInt8], in table: TokenTable<EgressPass>) -> EgressPass? {
        guard let colon = credential.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return table.pass(of: credential[(colon + 1)...])
    }

    private func head() async -> [UInt8]? {
        alarm.deadline = room.loop.now + room.limits.head
        while true {
            if let end = EgressRequest.end(in: input) {
                let head = Array(input[..<end])
                input.removeFirst(end)
                return head
            }
            guard input.count <= EgressRequest.headBytes else {
                await refuse("431 Request Header Fields Too Large", "the head is too long")
                return nil
            }
            switch near.read(onto: &input) {
            case .bytes: break
            case .wouldBlock:
                guard !alarm.isDue, !hasGivenWay else { return nil }
                await wakeup.wait()
            case .end, .failed: return nil
            }
        }
    }

    /// Says no in words that the model reads, and reads on for a moment: a socket that is closed with unread bytes may
    /// destroy the answer.
    private func refuse(_ status: String, _ reason: String) async {
        let body = "portcullis: \(reason)\n"
        let ask = status.hasPrefix("407") ? "Proxy-Authenticate: Basic realm=\"portcullis\"\r\n" : ""
        let head = "HTTP/1.1 \(status)\r\n\(ask)Content-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        _ = near.write(Array((head + body).utf8)[...])
        near.shutdownWriting()
        alarm.deadline = room.loop.now + .seconds(2)
        var left = 1 << 20
        while left > 0, !alarm.isDue {
            input.removeAll(keepingCapacity: true)
            switch near.read(onto: &input) {
            case .bytes(let count): left -= count
            case .wouldBlock: await wakeup.wait()
            case .end, .failed: return
            }
        }
    }

    private func carry(_ request: EgressRequest, to far: EgressSocket) async {
        defer { far.close() }
        var up = EgressStream(request.opening + input)
        var down = EgressStream(request.isTunnel ? Array("HTTP/1.1 200 Connection Established\r\n\r\n".utf8) : [])
        input = []
        alarm.deadline = room.loop.now + room.limits.silence
        var steps = 0
        while pass?.isRevoked == false {
            let sent = up.move(from: near, to: far), received = down.move(from: far, to: near)
            if sent == .broken || received == .broken || (up.isOver && down.isOver) { return }
            // What a server has said to the end was said, whatever the program goes on to send.
            if down.isOver, !request.isTunnel { return }
            if sent == .moved || received == .moved {
                alarm.deadline = room.loop.now + room.limits.silence
                steps += 1
                // A peer on another core could keep this task from ever finding its socket empty.
                if steps % 16 == 0 { await Task.yield() }
            } else {
                guard !alarm.isDue else { return }
                await wakeup.wait()
            }
        }
    }
}
