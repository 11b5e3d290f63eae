import Vocabulary

/// Counts what a turn uses, request by request, from the lines of the CLI.
///
/// Each message of the vendor's tells its prompt at its beginning and its answer at its end. Of an answer that breaks off
/// the count never comes: it is taken to be a token for each three bytes that came, no less than was told, with no less
/// thinking than the CLI estimates. The CLI's cost is a sum over the life of its process, which leaves such answers out;
/// its usage is the turn's.
struct UsageMeter {
    private var closed = Usage()
    private var uncosted = Usage()
    /// The message that runs, or the last one.
    private var current = Usage()
    private var isOpen = false
    private var isFinal = true
    private var answerBytes = 0
    private var thinkingBytes = 0
    /// About how much the model has thought, by the CLI.
    private var thinkingTokens = 0
    private var isEstimated = false
    private var isPending = false
    private let costBefore: Int?
    /// What the process has cost in all its turns, by its newest word; nil where that is not known.
    private(set) var processCost: Int?
    private var toldCost: Int?
    /// What sub-agents have used: as their messages begin, and in the end by the CLI's sum.
    private(set) var ofSubagents = Usage()
    private var (hasSubagents, isGuessed) = (false, false)
    private var newestOfSubagents: String?

    /// A meter at the beginning of a turn whose process had cost so much before, in nano-USD.
    init(costBefore: Int?) { self.costBefore = costBefore }

    /// What was used so far.
    var used: TurnUsage {
        var used = TurnUsage()
        used.tokens = closed
        used.tokens.add(ofSubagents)
        used.uncosted = uncosted
        (used.isEstimated, used.isPending) = (isEstimated || isGuessed, isPending)
        used.toldCost = toldCost
        guard isOpen else { return used }
        let message = estimated
        used.tokens.add(message)
        guard !isFinal else { return used }
        used.uncosted.add(message)
        used.isEstimated = true
        return used
    }

    /// A request is on its way.
    mutating func noteRequest() { isPending = true }

    /// None is.
    mutating func noteRefusal() { isPending = false }

    /// Takes what an event of the turn says of its usage.
    @inline(__always)
    mutating func take(_ event: CLIEvent, of line: Span<UInt8>) {
        if case .delta(_, let kind, let content) = event {
            switch kind {
            case .text, .toolInput, .citation: answerBytes &+= content.count
            // A signature holds what was thought and is not shown.
            case .thinking, .signature: thinkingBytes &+= content.count
            }
        } else {
            takeOther(event, of: line)
        }
    }

    private mutating func takeOther(_ event: CLIEvent, of line: Span<UInt8>) {
        switch event {
        case .messageStart(_, _, let update, _):
            close()
            current.merge(update, of: line)
            (isOpen, isFinal, isPending) = (true, false, false)
        case .blockStart(_, let block): answerBytes &+= block.byteCount
        case .messageDelta(let stop, let update):
            guard isOpen else { return }
            let told = current.outputTokens
            current.merge(update, of: line)
            // The CLI itself ends a broken stream, and counts nothing then.
            if stop.reason == nil { current.outputTokens = max(told, current.outputTokens) }
            isFinal = stop.reason != nil && update.output != nil
        case .messageStop(let isAbandoned):
            // Behind an answer that called servers' tools alone, and behind a broken one, the CLI asks again.
            if isAbandoned { close() }
        case .retry:
            close()
            isPending = true
        case .thinkingProgress(let tokens): thinkingTokens = max(thinkingTokens, tokens)
        case .failureReport: isPending = false
        case .result(let result): take(result)
        case .subagent(let said): take(said, of: line)
        default: break
        }
    }

    /// Takes the beginning of a sub-agent's message: what is told of it before the result. Its blocks have a line each, and
    /// its answer is taken to be a token for each three bytes.
    private mutating func take(_ said: CLISubagentLine, of line: Span<UInt8>) {
        hasSubagents = true
        guard said.isAnswer else { return }
        let id = said.id?.string(in: line)
        var message = Usage()
        if id == nil || id != newestOfSubagents { message.merge(said.usage, of: line) }
        newestOfSubagents = id
        message.outputTokens = ((said.content?.count ?? 0) &+ 2) / 3
        ofSubagents.add(message)
        isGuessed = true
    }

    /// The sub-agents' part of a sum over all models, less what the turn's own messages have used.
    private mutating func settleSubagents(_ result: CLIResult) {
        guard hasSubagents, let whole = result.whole else { return }
        var sum = Usage()
        sum.inputTokens = max(0, (whole.input ?? 0) - (result.usage.input ?? 0))
        sum.outputTokens = max(0, (whole.output ?? 0) - (result.usage.output ?? 0))
        sum.cacheReadTokens = max(0, (whole.cacheRead ?? 0) - (result.usage.cacheRead ?? 0))
        sum.cacheCreationTokens = max(0, (whole.cacheCreation ?? 0) - (result.usage.cacheCreation ?? 0))
        ofSubagents = sum
        isGuessed = false
    }

    /// Takes what a result says of the cost.
    mutating func take(_ result: CLIResult) {
        isPending = false
        settleSubagents(result)
        if isOpen, isFinal { current.fillIn(result.usage, isOnly: closed == Usage()) }
        guard let sum = result.costNanoUSD else { return processCost = nil }
        processCost = sum
        if let costBefore, sum >= costBefore { toldCost = sum - costBefore }
    }

    /// The message that runs, with an answer no smaller than what came of it.
    private var estimated: Usage {
        guard !isFinal else { return current }
        var message = current
        let came = ((answerBytes &+ 2) / 3).plus(max(thinkingTokens, (thinkingBytes &+ 2) / 3))
        message.outputTokens = max(message.outputTokens, came)
        return message
    }

    /// The message is over; there may be another.
    private mutating func close() {
        if isOpen {
            let message = estimated
            closed.add(message)
            if !isFinal {
                uncosted.add(message)
                isEstimated = true
            }
        }
        (isOpen, isFinal) = (false, true)
        (answerBytes, thinkingBytes, thinkingTokens) = (0, 0, 0)
        current = Usage()
    }
}

extension CLIBlock {
    /// How much of an answer its first line brings.
    fileprivate var byteCount: Int {
        switch self {
        case .text(let text): text.count
        case .thinking(let text, let signature): text.count &+ (signature?.count ?? 0)
        case .redactedThinking(let data): data.count
        // The names of the call's parts are tokens too.
        case .toolUse(_, let name): name.count &+ 30
        case .other(let whole): whole.count
        }
    }
}

extension Usage {
    /// Takes over every count that the line gives: later lines of a stream are cumulative.
    mutating func merge(_ update: UsageUpdate, of line: Span<UInt8>) {
        if let value = update.input { inputTokens = max(0, value) }
        if let value = update.cacheCreation { cacheCreationTokens = max(0, value) }
        if let value = update.cacheCreation5m { cacheCreation5mTokens = max(0, value) }
        if let value = update.cacheCreation1h { cacheCreation1hTokens = max(0, value) }
        if let value = update.cacheRead { cacheReadTokens = max(0, value) }
        if let value = update.output { outputTokens = max(0, value) }
        if let value = update.thinking { thinkingTokens = max(0, value) }
        if let value = update.webSearches { webSearches = max(0, value) }
        if let value = update.serviceTier { serviceTier = value.string(in: line) }
    }

    /// Takes from the result what the stream left open: its sums are those of the only message.
    mutating func fillIn(_ update: UsageUpdate, isOnly: Bool) {
        guard isOnly else { return }
        if cacheCreation5mTokens == 0, cacheCreation1hTokens == 0 {
            cacheCreation5mTokens = max(0, update.cacheCreation5m ?? 0)
            cacheCreation1hTokens = max(0, update.cacheCreation1h ?? 0)
        }
        if thinkingTokens == 0 { thinkingTokens = max(0, update.thinking ?? 0) }
    }
}
