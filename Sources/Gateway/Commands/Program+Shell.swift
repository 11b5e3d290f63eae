import ClaudeCLI
import Platform

extension Program {
    /// True where this program was called by the name of a shell, as the CLI does in a workspace.
    public static var isShell: Bool { CurrentProcess.arguments.first.map(AgentShellProgram.isCalled) ?? false }

    /// Runs that shell: its exit code.
    public static func runShell(environment: [String: String]) -> Int32 {
        AgentShellProgram.run(CurrentProcess.arguments, environment: environment)
    }
}
