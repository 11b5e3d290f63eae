/// Where the CLI's own tools may work.
struct WorkspaceSettings: Sendable, Equatable {
    /// The file that declares workspaces.
    var file: String?
    /// The directory of the one workspace, in its simple form.
    var directory: String?
}
