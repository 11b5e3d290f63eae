extension Invocation {
    /// What settles whose limits are met: the credentials, or the directory of the login, and the base URL.
    public var account: [String] {
        let names = Self.credentials + ["ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"]
        let settled = operatorEnvironment.filter { pair in names.contains { pair.hasPrefix($0 + "=") } }
        return bringsCredential ? settled : settled + [loginDirectory]
    }
}
