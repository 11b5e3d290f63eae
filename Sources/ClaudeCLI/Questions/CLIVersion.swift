import Glibc
public import Platform
public import Vocabulary

/// Asks a CLI for its version.
public enum CLIVersion {
    /// Runs `claude --version` on the loop of the caller; the answer is its first word, as `2.1.0`.
    ///
    /// Throws when it cannot be started, takes longer than `limits` allow, or answers something else.
    public static func of(
        _ profile: LaunchProfile, limits: CLILimits = CLILimits(), on loop: EventLoop
    ) async throws(Fault) -> String {
        var plan = SpawnPlan(path: profile.path, arguments: ["claude", "--version"], workingDirectory: "/")
        plan.environment = ["HOME=/nonexistent", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"]
        plan.walls = profile.walls?.walls(running: profile.path, in: nil, login: nil, variables: [])
        let reply: CLIQuestion.Reply
        do throws(SystemError) {
            reply = try await CLIQuestion.ask(plan, milliseconds: limits.versionMilliseconds, maxBytes: 500, on: loop)
        } catch {
            let isThere = unsafe access(profile.path, F_OK) == 0
            let isMissing = isThere && error.code == ENOENT
            throw Fault(
                .unavailable, "The CLI cannot be started.",
                detail: isMissing ? "The interpreter that its first line names does not exist." : error.description)
        }
        guard !reply.isLate else {
            throw Fault(.gatewayTimeout, "The CLI did not tell its version in time.", detail: reply.complaint)
        }
        let text = Redaction.clean(String(decoding: reply.output, as: UTF8.self))
        guard let version = text.split(separator: " ").first, version.first?.isNumber == true else {
            throw Fault(
                .badGateway, "The CLI does not tell its version.",
                detail: reply.complaint.isEmpty ? text : reply.complaint)
        }
        return String(version)
    }
}
