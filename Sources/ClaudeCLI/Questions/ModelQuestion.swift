public import Platform

/// Asks a CLI what its names of models stand for.
public enum ModelQuestion {
    /// Runs a CLI that is asked nothing else, on the loop of the caller; nil when it gives no answer in time.
    ///
    /// `variables` are those of the operator's that name models (``LaunchProfile/modelVariables``). Nothing else of theirs
    /// is told, the login is made up, and the vendor is a port of loopback at which nothing listens: a CLI that is on
    /// its own looks for its vendor at once.
    public static func ask(
        path: String, variables: [String], within walls: WallPolicy? = nil, in directories: TurnDirectories,
        limits: CLILimits, on loop: EventLoop
    ) async -> ModelNames? {
        guard let directory = try? directories.take() else { return nil }
        defer { directories.release(directory) }
        var profile = LaunchProfile(
            path: path,
            operatorEnvironment: ["ANTHROPIC_BASE_URL=http://127.0.0.1:1", "CLAUDE_CODE_OAUTH_TOKEN=none"] + variables,
            loginDirectory: "/nonexistent")
        profile.walls = walls
        var rows = RowWriter()
        rows.controlRequest("list_models", id: "m")
        let reply = try? await CLIQuestion.ask(
            profile.plan(in: directory, limits: limits), input: Array(rows.pieces().joined()),
            milliseconds: limits.requestMilliseconds, maxBytes: maxBytes, on: loop)
        guard let reply, !reply.isLate else { return nil }
        return ModelNames(parsing: reply.output)
    }

    private static let maxBytes = 128 << 10
}

extension LaunchProfile {
    /// What of the operator's environment changes what the CLI's names of models stand for; nil where the models are
    /// another provider's, whose names are others.
    public var modelVariables: [String]? {
        let isElsewhere = operatorEnvironment.contains { pair in
            pair.hasPrefix("CLAUDE_CODE_USE_")
                && !["", "0", "false"].contains(pair.drop { $0 != "=" }.dropFirst().lowercased())
        }
        guard !isElsewhere else { return nil }
        return operatorEnvironment.filter { $0.hasPrefix("ANTHROPIC_DEFAULT_") }.sorted()
    }
}
