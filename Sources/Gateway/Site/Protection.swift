import HTTP

extension ResponseFields {
    /// What every answer tells browsers: to take it for nothing but what it says it is, to show it in no page, and to come
    /// over TLS alone from now on (RFC 6797). Whose pages may read it is CORS' business.
    static func protection(_ configuration: Configuration) -> ResponseFields {
        var fields = ResponseFields()
        fields.append("x-content-type-options", "nosniff")
        fields.append("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
        if let transport = strictTransport(configuration) { fields.append("strict-transport-security", transport) }
        return fields
    }

    /// How long browsers come over TLS alone; nil to say nothing of it.
    static func strictTransport(_ configuration: Configuration) -> String? {
        let seconds = configuration.tls.strictTransportSeconds
        // Over plain HTTP browsers pass it over, and a proxy in front has its own.
        return !configuration.isPlaintext && seconds > 0 ? "max-age=\(seconds)" : nil
    }
}
