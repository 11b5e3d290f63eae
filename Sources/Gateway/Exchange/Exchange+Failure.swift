import Dialects
import Platform
import Server
import Vocabulary

/// How a client is told that there is no answer.
extension Exchange {
    /// Notes why the turn is not let in, where its status alone would tell something else; `word` is for reports.
    mutating func note(refusal reason: RefusalReason, as word: String) {
        record.refusal = reason
        site.recorder?.note(refusal: word, of: turn.principal.id, at: WallClock.unixSeconds)
    }

    /// Tells why, unless nobody is left to be told.
    mutating func fail(_ failure: TurnFailure, _ writer: consuming ResponseWriter, of run: [UInt8]? = nil) async {
        if isCodex, let fault = failure.asFault {
            record.fault = failure.logged
            return await failForCodex(fault, writer)
        }
        guard let reply = failure.reply(in: turn.dialect, requestID: context.requestID, of: run, &record) else {
            return leave(TurnOutcome())
        }
        record.status = reply.status
        record.bytesOut = reply.body.count
        await writer.respond(context.error(reply))
    }

    /// True for a stream that Codex waits for; it asks for nothing else.
    private var isCodex: Bool {
        turn.dialect == .responses && !turn.countsTokens && turn.preferences.client == .codex && streams
    }

    /// Tells Codex of a failure in such a way that it does not ask the same again.
    private mutating func failForCodex(_ fault: Fault, _ writer: consuming ResponseWriter) async {
        if let reply = Codex.limitReply(fault) {
            record.status = reply.status
            record.bytesOut = reply.body.count
            return await writer.respond(context.error(reply))
        }
        var conversation = Conversation(model: record.model ?? "")
        (conversation.isCodex, conversation.streams) = (true, true)
        var encoder = ReplyStream(dialect: .responses, conversation: conversation, identity: identity)
        var buffer: [UInt8] = []
        let noLine: [UInt8] = []
        encoder.encode(.failed(fault), of: noLine.span, into: &buffer)
        record.status = 200
        var stream = writer.stream(context.stream(adding: []))
        let isTaken = await stream.send(&buffer)
        record.bytesOut = stream.sentBytes
        if isTaken { await stream.finish() }
    }
}
