extension Invocation {
    /// What settles whose limits the CLI runs into: its credentials, or the directory of its login, and where it asks.
    public var account: [String] {
        let names = Self.credentials + ["ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"]
        let settled = operatorEnvironment.filter { pair in names.contains { pair.hasPrefix($0 + "=") } }
        return bringsCredential ? settled : settled + [loginDirectory]
    }
}
