public import Platform
public import Vocabulary

/// Asks a CLI for its version.
public enum CLIVersion {
    /// Runs `claude --version` on the loop of the caller; the answer is its first word, as `2.1.329`.
    ///
    /// Throws when it cannot be started, takes longer than `limits` allow, or answers something else.
    public static func of(
        _ invocation: Invocation, limits: CLILimits = CLILimits(), on loop: EventLoop
    ) async throws(Fault) -> String {
        var plan = SpawnPlan(path: invocation.path, arguments: ["claude", "--version"], workingDirectory: "/")
        plan.environment = ["HOME=/nonexistent", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]
        let answer: [UInt8]?
        do throws(SystemError) {
            answer = try await CLIQuestion.ask(
                plan, milliseconds: limits.versionMilliseconds, maxBytes: 500, on: loop)
        } catch {
            throw Fault(.unavailable, "The CLI cannot be started.", detail: error.description)
        }
        guard let answer else { throw Fault(.gatewayTimeout, "The CLI did not tell its version in time.") }
        let text = Redaction.clean(String(decoding: answer, as: UTF8.self))
        guard let version = text.split(separator: " ").first, version.first?.isNumber == true else {
            throw Fault(.badGateway, "The CLI does not tell its version.", detail: text)
        }
        return String(version)
    }
}
