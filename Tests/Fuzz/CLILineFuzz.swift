// modules: Vocabulary
// files: Sources/ClaudeCLI/Lines/LineSplitter.swift Sources/ClaudeCLI/Lines/CLIEvent.swift Sources/ClaudeCLI/Lines/CLIEventReader.swift Sources/ClaudeCLI/Lines/CLIEventReader+Lines.swift Sources/ClaudeCLI/Lines/CLILineFields.swift Sources/ClaudeCLI/Lines/DeltaLine.swift Sources/ClaudeCLI/Reply/Quota.swift Sources/ClaudeCLI/Reply/ReplyAssembler.swift Sources/ClaudeCLI/Reply/ServerCalls.swift Sources/ClaudeCLI/Reply/Subagents.swift Sources/ClaudeCLI/Plan/MCPServer.swift Sources/ClaudeCLI/Reply/FailureEvidence.swift Sources/ClaudeCLI/LoginRemedy.swift Sources/ClaudeCLI/Redaction.swift Sources/ClaudeCLI/CLILimits.swift Sources/ClaudeCLI/TurnSpending.swift Sources/ClaudeCLI/Reply/DemandedCallReader.swift Sources/ClaudeCLI/Reply/HeldEvents.swift Sources/ClaudeCLI/Reply/UsageMeter.swift Sources/ClaudeCLI/TurnUsage.swift Sources/ClaudeCLI/Agent/AgentRun.swift Sources/ClaudeCLI/Agent/AgentTool.swift Sources/ClaudeCLI/Agent/Workspace.swift Sources/ClaudeCLI/Agent/CallResult+Line.swift
//
// The CLI's output, split, read and assembled. What must hold for any input: no trap, no unbounded buffer, slices
// within their line, blocks in order, and at most one end with nothing after it; so too where a call is demanded.
import Vocabulary

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCLILines(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 1 else { return 0 }
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    let chunk = Int(input[0]) + 1
    var limits = CLILimits()
    limits.maxLineBytes = 1 << 16
    var splitter = LineSplitter(maxLineBytes: limits.maxLineBytes)
    // Every other input belongs to a turn in which the CLI calls tools named `mcp__s__…` itself.
    let server = MCPServer(name: "s", definition: JSONFragment("{}"), secrets: [])
    let servers = input[0] & 1 == 0 ? ActiveServers.none : ActiveServers([server], maxRounds: 2)
    // And of the others some to one in which it calls its own.
    let agent = input[0] & 5 == 4 ? AgentRun(in: Workspace(name: "w", directory: "/w", tools: [.read])) : nil
    var assembler = ReplyAssembler(limits: limits, servers: servers, agent: agent)
    var order = ReplyOrder()
    var demandedOrder = ReplyOrder()
    var reader = DemandedCallReader(demand(among: input[0] & 2 == 0 ? ["f"] : ["f", "get_weather"]), mostHeldBytes: 4096)
    var rest = input.dropFirst()
    while !rest.isEmpty {
        unsafe splitter.receive { buffer in
            let part = rest.prefix(min(chunk, buffer.count))
            unsafe buffer.copyBytes(from: part)
            rest = rest.dropFirst(part.count)
            return part.count
        }
        do {
            try splitter.forEachLine { line in
                guard let event = try? CLIEventReader.read(line) else { return true }
                checkShortWay(line)
                _ = assembler.take(event, of: line, now: 1_800_000_000) {
                    order.check($0, line)
                    reader.pass($0, of: line) { demandedOrder.check($0, $1) }
                }
                return true
            }
        } catch { return 0 }
    }
    return 0
}

private func demand(among names: [JSONText]) -> DemandedCall {
    var demand = DemandedCall(names: names, isNamed: true)
    demand.forms = names.map { DemandedCall.Form(name: $0, arguments: JSONFragment("{}")) }
    return demand
}

/// What the short way for deltas accepts, the reader proper understands in the same way.
private func checkShortWay(_ line: Span<UInt8>) {
    guard case .delta(let index, let kind, let content)? = DeltaLine.read(line) else { return }
    guard case .delta(index, kind, content)? = try? CLIEventReader.readInFull(line) else {
        preconditionFailure("the short way differs")
    }
}

/// The grammar of a reply.
struct ReplyOrder {
    private var hasStarted = false
    private var isOpen = false
    private var isOver = false

    mutating func check(_ event: ReplyEvent, _ line: Span<UInt8>) {
        precondition(!isOver, "nothing follows the end")
        switch event {
        case .started:
            precondition(!hasStarted, "one beginning")
            hasStarted = true
        case .blockStarted:
            precondition(hasStarted && !isOpen, "blocks one at a time")
            isOpen = true
        case .text(let slice), .thinking(let slice), .signature(let slice), .toolInput(let slice), .citation(let slice):
            precondition(isOpen && slice.start >= 0 && slice.end <= line.count && slice.start <= slice.end)
        case .blockStopped:
            precondition(isOpen, "only an open block stops")
            isOpen = false
        case .callResult, .subagent: precondition(hasStarted && !isOpen, "results come between blocks")
        case .finished:
            precondition(hasStarted && !isOpen, "whole when finished")
            isOver = true
        case .failed: isOver = true
        }
    }
}
