import TLS

/// A certificate that is shown to clients, and the file it came from.
struct LoadedCertificate: Sendable {
    let file: String
    let identity: TLSIdentity

    /// What is wrong with its validity now, or soon will be; nil when nothing is.
    ///
    /// None of it stops a service: with an expired certificate some clients still come, and keys can still be taken
    /// away; without the service nobody comes.
    var problem: String? {
        Self.problem(
            file: file, hasBegun: identity.hasBegun, secondsLeft: identity.secondsUntilExpiry,
            lifetime: identity.lifetimeSeconds)
    }

    /// The sentence on a certificate that ends in so many seconds.
    ///
    /// Certificates of a few days are renewed in their last third, so these are not warned of for all their life.
    static func problem(file: String, hasBegun: Bool, secondsLeft: Int, lifetime: Int) -> String? {
        if secondsLeft <= 0 {
            return "the certificate in \(file) has expired: renew it, then reload; clients refuse it until then"
        }
        if !hasBegun { return "the certificate in \(file) is not valid yet: clients refuse it until then" }
        guard secondsLeft < min(14 * day, lifetime / 3) else { return nil }
        let (count, unit) = secondsLeft >= day ? (secondsLeft / day, "day") : (max(1, secondsLeft / 3600), "hour")
        return "the certificate in \(file) expires in \(count) \(unit)\(count == 1 ? "" : "s"): renew it, then reload"
    }

    private static let day = 86_400
}
