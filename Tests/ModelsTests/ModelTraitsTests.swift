import Models
import Testing
import Vocabulary

@Suite("What each model takes")
struct ModelTraitsTests {
    @Test(
        "a name leads to its model, whatever date, window or cloud is written around it",
        arguments: [
            ("claude-sonnet-5-5", "claude-sonnet-5-5"), ("claude-sonnet-5-5[1m]", "claude-sonnet-5-5"),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"), ("claude-opus-4-1@20250805", "claude-opus-4-1"),
            ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
            ("arn:aws:bedrock:eu-west-1:1:inference-profile/us.anthropic.claude-opus-5-5", "claude-opus-5-5"),
            ("claude-3-5-haiku-latest", "claude-3-5-haiku"), ("claude-3-7-sonnet-20250219", "claude-3-7-sonnet"),
            ("claude-sonnet-4-20250514", "claude-sonnet-4"), ("claude-opus-4-0", "claude-opus-4"),
        ])
    func names(name: String, id: String) {
        #expect(ModelTraits.of(name).id == id)
        #expect(ModelTraits.of(name).isKnown)
    }

    @Test(
        "an unknown name has the rules of the next younger relative, or of the youngest",
        arguments: [
            ("claude-sonnet-5-1", "claude-sonnet-5-5"), ("claude-opus-4-9", "claude-opus-5"),
            ("claude-sonnet-6", "claude-sonnet-5-5"), ("claude-haiku-6-1-20270101", "claude-haiku-5-5"),
            ("claude-fable-7", "claude-fable-5-2"), ("claude-saga-1", "claude-fable-5-2"), ("claude-sonnet-4-7", "claude-sonnet-5"),
            ("sonnet", "claude-sonnet-5-5"), ("opus[1m]", "claude-opus-5-5"), ("haiku", "claude-haiku-5-5"),
            ("best", "claude-opus-5-5"), ("opusplan", "claude-sonnet-5-5"), ("default", "claude-fable-5-2"),
        ])
    func relatives(name: String, id: String) {
        #expect(ModelTraits.of(name).id == id)
        #expect(!ModelTraits.of(name).isKnown)
    }

    @Test("an alias is the model that the CLI says it stands for")
    func aliases() {
        let resolved = ["sonnet": "claude-sonnet-4-6", "opus": "glm-5", "haiku": "haiku"]
        #expect(ModelTraits.of("sonnet[1m]", resolved: resolved).id == "claude-sonnet-4-6")
        #expect(!ModelTraits.of("sonnet", resolved: resolved).isKnown, "nothing is refused early for it")
        #expect(ModelTraits.of("opus", resolved: resolved).version.family == nil)
        #expect(ModelTraits.of("haiku", resolved: resolved).id == "claude-haiku-5-5")
    }

    @Test("another vendor's model gets what is asked")
    func foreign() {
        #expect(ModelTraits.of("qwen-claude-4-6-opus-distill").version.family == nil)
        let traits = ModelTraits.of("glm-5")
        #expect(traits.sampling == .free && traits.forcedCalls == .taken && !traits.checksPrefix)
        #expect(traits.thinkingOff == .unsaid && traits.efforts == Effort.allCases)
    }

    @Test(
        "each model is told in its own word not to think",
        arguments: [
            ("claude-haiku-4-5", ModelTraits.ThinkingOff.unsaid), ("claude-opus-4-8", .unsaid),
            ("claude-sonnet-5", .said(.disabled)), ("claude-opus-5", .said(.disabled)),
            ("claude-haiku-5-5", .said(.disabled)), ("claude-sonnet-5-5", .said(.betweenTools)),
            ("claude-opus-5-5", .impossible), ("claude-fable-5", .impossible), ("claude-fable-5-2", .impossible),
        ])
    func off(name: String, word: ModelTraits.ThinkingOff) {
        #expect(ModelTraits.of(name).thinkingOff == word)
    }

    @Test("the families of names are told for limits of one family")
    func families() {
        #expect(ModelTraits.family(of: "best") == .opus)
        #expect(ModelTraits.family(of: "opusplan") == .sonnet)
        #expect(ModelTraits.family(of: "claude-3-5-haiku-20241022") == .haiku)
        #expect(ModelTraits.family(of: "default") == nil)
        #expect(ModelTraits.family(of: "my-opus") == .opus)
    }
}
