import HTTP

extension ResponseFields {
    /// What every answer tells browsers: to take it for nothing but what it says it is, to show it in no page, and to come
    /// over TLS alone from now on (RFC 6797). Whose pages may read it is CORS' business.
    static func protection(_ configuration: Configuration) -> ResponseFields {
        var fields = ResponseFields()
        fields.append("x-content-type-options", "nosniff")
        fields.append("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
        let seconds = configuration.tls.strictTransportSeconds
        // Over plain HTTP browsers pass it over, and a proxy in front has its own.
        if !configuration.isPlaintext, seconds > 0 { fields.append("strict-transport-security", "max-age=\(seconds)") }
        return fields
    }
}
