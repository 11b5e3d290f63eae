import Platform
import Vocabulary

/// One turn's talk with the CLI: what is written, what each line means, and when it is over.
///
/// An object, since it is asked after every line and is large to copy; it has one owner. It has no descriptor and no clock,
/// and does not wait: a session hands it lines and moments and does what it answers.
/// Behind the end of the answer it goes on to take lines, which are the CLI's late words.
protocol TurnMachine: AnyObject {
    /// True once the answer has ended, well or not, or the tokens are counted.
    var isOver: Bool { get }
    /// What may become of the process, as far as that is known.
    var rest: ProcessRest { get }
    /// True while a late word is expected that is worth a moment's waiting.
    var expectsLateWord: Bool { get }
    /// By when what the turn waits for must have come, and what is said when it has not; nil where only silence counts.
    var deadline: (at: Instant, fault: Fault)? { get }
    /// True when the turn failed because its process, which had served others before, would not do: another may.
    var isUnfit: Bool { get }
    /// True as long as that may turn out: the turn has not begun in a process that had served before.
    var mayBeUnfit: Bool { get }
    /// What the turn has cost so far.
    var spending: TurnSpending { get }
    /// What it has used of the vendor's service so far.
    var usage: TurnUsage { get }
    /// What its process has cost in all its turns, in nano-USD, once the CLI has said so behind this one.
    var processCost: Int? { get }
    /// The tokens counted, once that has ended well.
    var countedTokens: Int? { get }
    /// The vendor's ids of the calls of the client's tools in the answer, in order.
    var callIDs: [String] { get }
    /// When the vendor began the answer of the newest attempt.
    var answerStart: Instant? { get }

    /// The first rows.
    func begin(at now: Instant) -> [ArraySlice<UInt8>]
    /// Takes the next line; `emit` gets the events it comes to, with the text that their slices refer to.
    func take(
        _ line: Span<UInt8>, at moment: Moment, _ emit: (ReplyEvent, Span<UInt8>) -> Void
    ) -> TurnAction
    /// Ends the turn as failed; without effect when it is over.
    func fail(_ fault: Fault, _ emit: (ReplyEvent, Span<UInt8>) -> Void)
    /// What the CLI itself has said of a failure before it ended without a result.
    func faultAtEnd(_ moment: Moment) -> Fault?
    /// What was told of usage limits since it was last asked for, oldest first.
    func takeQuotas() -> [Quota]
}

/// A moment on both clocks.
struct Moment {
    /// By the loop's clock.
    let instant: Instant
    /// In Unix seconds.
    let unixSeconds: Int
}

/// What a session has to do after a line.
enum TurnAction {
    case goOn
    /// The line is no sign that the answer comes on.
    case ignore
    /// To write these rows.
    case write([ArraySlice<UInt8>])
    /// To kill the process: left alone it would ask the vendor for what nobody asked for.
    case kill
}

/// What may become of a process whose turn is over.
enum ProcessRest: Equatable {
    /// Not known yet.
    case unknown
    /// It waits for the next message.
    case idle
    /// It waits for the result of a call, for ever: it asks for nothing, and nothing more can be asked of it.
    case held
    /// It must die.
    case spent
}
