/// What is odd in the CLI's environment file without being wrong.
enum CLIEnvironmentWarnings {
    /// Variables of the CLI that operators write; many more exist.
    private static let known =
        [
            "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS",
            "ANTHROPIC_BETAS", "ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_MODEL", "ANTHROPIC_SMALL_FAST_MODEL",
            "ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL",
            "ANTHROPIC_DEFAULT_FABLE_MODEL", "ANTHROPIC_CUSTOM_MODEL_OPTION", "ANTHROPIC_BEDROCK_BASE_URL",
            "ANTHROPIC_BEDROCK_MANTLE_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL", "ANTHROPIC_VERTEX_PROJECT_ID",
            "ANTHROPIC_FOUNDRY_BASE_URL", "ANTHROPIC_FOUNDRY_RESOURCE", "ANTHROPIC_FOUNDRY_API_KEY",
            "ANTHROPIC_FOUNDRY_AUTH_TOKEN", "ANTHROPIC_AWS_API_KEY", "ANTHROPIC_AWS_BASE_URL",
            "ANTHROPIC_AWS_WORKSPACE_ID", "ANTHROPIC_ORGANIZATION_ID", "ANTHROPIC_WORKSPACE_ID",
            "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_REFRESH_TOKEN", "CLAUDE_CODE_OAUTH_SCOPES",
            "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE",
            "CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", "CLAUDE_CODE_USE_GATEWAY",
            "CLAUDE_CODE_SKIP_BEDROCK_AUTH", "CLAUDE_CODE_SKIP_VERTEX_AUTH", "CLAUDE_CODE_SKIP_FOUNDRY_AUTH",
            "CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CLIENT_KEY", "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
            "CLAUDE_CODE_CERT_STORE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
            "AWS_BEARER_TOKEN_BEDROCK", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ENDPOINT_URL", "CLOUD_ML_REGION",
            "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
            "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
        ]
    /// Names that people make up for a login, and the ones that the CLI reads.
    private static let madeUp = [
        "CLAUDE_API_KEY": "ANTHROPIC_API_KEY", "ANTHROPIC_KEY": "ANTHROPIC_API_KEY",
        "CLAUDE_CODE_API_KEY": "ANTHROPIC_API_KEY", "ANTHROPIC_API_TOKEN": "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_OAUTH_TOKEN": "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_OAUTH_TOKEN": "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_TOKEN": "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_TOKEN": "CLAUDE_CODE_OAUTH_TOKEN",
        "ANTHROPIC_URL": "ANTHROPIC_BASE_URL", "CLAUDE_BASE_URL": "ANTHROPIC_BASE_URL",
    ]
    /// One line each, with names and never a value.
    static func of(_ variables: [(name: String, value: String)], path: String) -> [String] {
        variables.compactMap { variable in
            meant(by: variable.name).map {
                "\(path): \(variable.name) is no variable of the CLI; did you mean \($0)?"
            }
        }
    }

    /// The variable that a name was meant to be; nil for what is right, or like nothing that is known.
    private static func meant(by name: String) -> String? {
        let upper = name.uppercased()
        let isProxy = upper.hasSuffix("_PROXY")  // read in small letters as well
        guard !known.contains(isProxy ? upper : name) else { return nil }
        if let meant = madeUp[upper] { return meant }
        if known.contains(upper) { return upper }
        return Suggestion.nearest(to: upper, among: known, .strangers)
    }
}
