import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("What is bound to its history, and the betas that this takes")
struct ThinkingSettingsTests {
    private static let bound = VendorBeta.thinkingBindingControls.rawValue
    private static let updated = VendorBeta.thinkingDisplayUpdates.rawValue

    private func row(operatorBetas: String = "", _ change: (inout Conversation) -> Void) throws -> String {
        var conversation = Conversation(model: "m")
        conversation.turns = [Turn(.user, [.text("q")])]
        change(&conversation)
        var rows = RowWriter()
        try TurnSettings(conversation, model: "m", operatorBetas: operatorBetas).write(to: &rows)
        return String(decoding: rows.pieces().joined(), as: UTF8.self)
    }

    /// The value of the variable in the settings; nil where they have none.
    private func betas(operatorBetas: String = "", _ change: (inout Conversation) -> Void) throws -> String? {
        let row = try row(operatorBetas: operatorBetas, change)
        let root = try JSONDocument(parsing: Array(row.utf8)).root
        return root["request"]?["settings"]?["env"]?["ANTHROPIC_BETAS"]?.text?.string
    }

    @Test(
        "a binding is said where thinking has more than a type",
        arguments: [
            (.adaptive, .dropBlock, #"{\"type\":\"adaptive\",\"block_binding\":{\"prefix_mismatch_behavior\":\"drop_block\"}}"#),
            (
                .enabled(budgetTokens: 2000), .error,
                #"{\"type\":\"enabled\",\"budget_tokens\":2000,\"block_binding\":{\"prefix_mismatch_behavior\":\"error\"}}"#
            ),
            (.disabled, .dropBlock, #"{\"type\":\"disabled\"}"#),
            (.betweenTools, .dropBlock, #"{\"type\":\"between_tools\"}"#),
        ] as [(Thinking, BlockBinding, String)])
    func binding(thinking: Thinking, binding: BlockBinding, expected: String) throws {
        let row = try row {
            $0.thinking = thinking
            $0.blockBinding = binding
        }
        #expect(row.contains(#""CLAUDE_CODE_EXTRA_BODY":"{\"thinking\":"# + expected + "}\""))
        #expect(row.contains("ANTHROPIC_BETAS") == expected.contains("block_binding"))
    }

    @Test("exactly the betas that are needed are asked for")
    func needed() throws {
        #expect(try betas { $0.thinking = .adaptive } == nil)
        #expect(try betas { $0.blockBinding = .dropBlock } == nil, "without thinking there is no place to say it")
        #expect(
            try betas {
                $0.thinking = .adaptive
                $0.thinkingDisplay = .summarized
            } == nil)
        for display in [ThinkingDisplay.updates, .highlights] {
            #expect(
                try betas {
                    $0.thinking = .adaptive
                    $0.thinkingDisplay = display
                } == Self.updated)
        }
        #expect(
            try betas {
                $0.thinking = .adaptive
                $0.blockBinding = .error
                $0.thinkingDisplay = .highlights
            } == "\(Self.bound),\(Self.updated)")
    }

    @Test("who wants to be told what is left out is told, though nothing else is asked")
    func told() throws {
        let row = try row { $0.wantsTransformations = true }
        #expect(row.contains(#""env":{"ANTHROPIC_BETAS":"\#(Self.bound)"}"#))
    }

    @Test("the operator's own betas are kept, none twice, and left to the CLI where a turn needs none")
    func operators() throws {
        #expect(try betas(operatorBetas: "a-1, b-2") { $0.wantsTransformations = true } == "a-1,b-2,\(Self.bound)")
        #expect(try betas(operatorBetas: Self.bound) { $0.wantsTransformations = true } == Self.bound)
        #expect(try betas(operatorBetas: "a-1") { $0.thinking = .adaptive } == nil)
        let profile = LaunchProfile(
            path: "/c", operatorEnvironment: ["ANTHROPIC_BETAS=x", "A=1", "ANTHROPIC_BETAS=a-1,b-2"],
            loginDirectory: "/nonexistent")
        #expect(profile.betas == "a-1,b-2")
    }

    @Test("a CLI that takes no parameters is told of no beta either")
    func withoutParameters() throws {
        var conversation = Conversation(model: "m")
        conversation.turns = [Turn(.user, [.text("q")])]
        conversation.wantsTransformations = true
        let plan = try TurnPlan(answering: conversation, model: "m", features: CLIFeatures(missing: [.parameters]))
        #expect(!String(decoding: plan.text, as: UTF8.self).contains("ANTHROPIC_BETAS"))
    }
}
