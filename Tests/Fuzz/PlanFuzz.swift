// modules: Vocabulary Dialects
// files: Sources/ClaudeCLI/Plan/TurnPlan.swift Sources/ClaudeCLI/Plan/TurnPlan+Rows.swift Sources/ClaudeCLI/Plan/TurnPlan+Script.swift Sources/ClaudeCLI/Plan/Portion.swift Sources/ClaudeCLI/Plan/ProcessMemory.swift Sources/ClaudeCLI/Plan/MessageList.swift Sources/ClaudeCLI/Plan/TurnSettings.swift Sources/ClaudeCLI/Plan/ClientTools.swift Sources/ClaudeCLI/Plan/RowWriter.swift Sources/ClaudeCLI/Plan/CLIFeatures.swift Sources/ClaudeCLI/Plan/TaggedHistory.swift Sources/ClaudeCLI/Plan/MCPServer.swift Sources/ClaudeCLI/Plan/ActiveServers+Rows.swift Sources/ClaudeCLI/Redaction.swift Sources/ClaudeCLI/TurnSpending.swift Sources/ClaudeCLI/Plan/ToolNames.swift Sources/ClaudeCLI/Plan/ToolSchema.swift Sources/ClaudeCLI/Plan/CacheLifetime.swift Sources/ClaudeCLI/Plan/DemandedCall+Plan.swift Sources/ClaudeCLI/Agent/AgentRun.swift Sources/ClaudeCLI/Agent/AgentTool.swift Sources/ClaudeCLI/Agent/Workspace.swift Sources/ClaudeCLI/Plan/AgentRun+Rows.swift
//
// A request's body, decoded and planned. What must hold for any input: every row for the CLI is one JSON object on
// one line, since a line end out of place would make the CLI read a row that nobody wrote.
import Dialects
import Vocabulary

/// The first byte chooses the dialect, whether tokens are counted, and whether the CLI lacks something; the rest is the
/// body. Where it is of even length, the model is one that cannot be forced to call a tool.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPlans(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    guard let choice = bytes.first else { return 0 }
    let dialect = Dialect.allCases[Int(choice & 0x3F) % Dialect.allCases.count]
    let counts = choice >= 0x80
    let features = choice & 0x40 == 0 ? CLIFeatures.all : CLIFeatures(missing: [.history, .parameters])
    do throws(Refusal) {
        let body = Array(bytes.dropFirst())
        var conversation = try dialect.decode(body, context: RequestContext(countsTokens: counts))
        if body.count.isMultiple(of: 2), dialect != .anthropic { conversation.demandCall() }
        if case .jsonSchema(let schema) = conversation.outputFormat {
            precondition((try? JSONDocument(parsing: Array(schema.bytes))) != nil, "a format is JSON")
        }
        let plan =
            counts
            ? try TurnPlan(counting: conversation, model: "sonnet", features: features)
            : try TurnPlan(answering: conversation, model: "sonnet", features: features)
        check(plan)
    } catch {
        precondition(!error.message.isEmpty, "refusals are explained")
    }
    return 0
}

private func check(_ plan: TurnPlan) {
    for portion in plan.portions {
        let text = Array(portion.joined())
        precondition(text.last == 0x0A, "a portion ends with its last row")
        for row in text.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false) {
            precondition((try? JSONDocument(parsing: Array(row)))?.root.kind == .object, "a row is one object")
        }
    }
}
