import Vocabulary

/// The catalogue of models that Codex asks for in place of a list: without it Codex makes do with guesses, and says so
/// in each turn. Every member that is written is one without which it refuses the whole (measured with 0.147 and
/// 0.163), or makes it use the model better.
enum CodexCatalog {
    /// Appends the member `models` to an open object.
    static func write(_ models: [ModelEntry], to writer: inout JSONWriter) {
        writer.key("models")
        writer.beginArray()
        for (index, model) in models.enumerated() { write(model, priority: index, to: &writer) }
        writer.endArray()
    }

    private static func write(_ model: ModelEntry, priority: Int, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("slug", model.id)
            writer.member("display_name", model.displayName)
            writer.member("priority", priority)
            writer.raw("\"visibility\":\"list\",\"supported_in_api\":true,\"shell_type\":\"unified_exec\"")
            writer.raw("\"apply_patch_tool_type\":\"freeform\",\"experimental_supported_tools\":[]")
            writer.raw("\"support_verbosity\":false,\"supports_parallel_tool_calls\":true")
            writer.raw("\"supports_reasoning_summaries\":true,\"default_reasoning_summary\":\"auto\"")
            writer.raw("\"truncation_policy\":{\"mode\":\"tokens\",\"limit\":10000}")
            writer.raw("\"input_modalities\":[\"text\",\"image\"]")
            if let tokens = model.contextTokens { writer.member("context_window", tokens) }
            efforts(model.efforts, &writer)
            writer.member("base_instructions", instructions)
        }
    }

    private static func efforts(_ efforts: [Effort], _ writer: inout JSONWriter) {
        let shown = efforts.filter { descriptions[$0] != nil }
        if shown.contains(.medium) { writer.raw("\"default_reasoning_level\":\"medium\"") }
        writer.key("supported_reasoning_levels")
        writer.beginArray()
        for effort in shown {
            writer.object { writer in
                writer.member("effort", effort.rawValue)
                writer.member("description", descriptions[effort] ?? "")
            }
        }
        writer.endArray()
    }

    /// The efforts that Codex has a word for.
    private static let descriptions: [Effort: String] = [
        .low: "Answers soon, thinks little", .medium: "Thinks as much as most tasks need",
        .high: "Thinks long about hard tasks", .xhigh: "Thinks as long as it takes",
    ]

    /// What the model is told of its work: Codex has no words of its own for a model from a catalogue.
    private static let instructions = """
        You are a coding agent in Codex, a program that runs on the user's computer. You and the user share one \
        workspace, and you work until the task is done.

        # Working
        - Read before you write: look at the files that matter, and at the rules of the project (AGENTS.md) where there \
        are any. Search with `rg` where it is installed.
        - Keep to what was asked, in the style of the code around it. Mend causes rather than symptoms, and leave \
        unrelated faults alone but say that you saw them.
        - Change files with `apply_patch` where you have it. Never undo changes that are not yours, and run no command \
        that destroys work (`git reset --hard`, `git checkout -- .`) unless the user asks for it.
        - Commit or create branches only when asked.
        - Try what you changed: run the tests or the program as far as the sandbox allows, and say what you could not run.
        - For a task of several steps keep a plan with `update_plan` where you have it.
        - A command may need the user's consent or be refused by the sandbox: then ask with a short reason, or find \
        another way.

        # Speaking
        - Before a group of calls say in a sentence what you are about to do. Be brief and plain.
        - At the end say what was done, what came of the checks, and what is open. Name files by their path, with the \
        line where it helps, and do not repeat their content: the user sees it.
        - If the user asks a question, answer it; if a review, begin with the faults, the worst first.
        """
}
