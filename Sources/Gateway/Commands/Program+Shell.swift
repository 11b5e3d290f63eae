import ClaudeCLI

extension Program {
    /// True where this program was called by the name of a shell, as the CLI does in a workspace.
    public static func isShell(_ name: String) -> Bool { AgentShellProgram.isCalled(name) }

    /// Runs that shell: its exit code.
    public static func runShell(arguments: [String], environment: [String: String]) -> Int32 {
        AgentShellProgram.run(arguments, environment: environment)
    }
}
