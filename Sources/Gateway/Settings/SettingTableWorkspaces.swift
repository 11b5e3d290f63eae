extension Setting {
    static let workspaces: [Setting] = [
        Setting(
            "WORKSPACES", .workspaces, .optionalPath("FILE", \.workspaces.file),
            "Workspaces in which the CLI's own tools may work for keys with `agent=NAME`: "
                + "`{\"workspaces\": {\"NAME\": {\"directory\": …}}}`.", fallback: "none"),
        Setting(
            "WORKSPACE_DIR", .workspaces, .optionalPath("DIRECTORY", \.workspaces.directory),
            "One workspace with the usual tools and bounds and without network, named `default`.", fallback: "none"),
    ]
}
