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
    /// Told in four steps, so that the log hears of it four times. Certificates of a few days are renewed in their last
    /// third, so these are not warned of for all their life.
    static func problem(file: String, hasBegun: Bool, secondsLeft: Int, lifetime: Int) -> String? {
        if secondsLeft <= 0 {
            return "the certificate in \(file) has expired: renew it; clients refuse it until then"
        }
        if !hasBegun { return "the certificate in \(file) is not valid yet: clients refuse it until then" }
        guard secondsLeft < lifetime / 3, let step = [1, 7, 14, 30].first(where: { secondsLeft < $0 * day }) else { return nil }
        let when = step == 1 ? "a day" : "\(step) days"
        return "the certificate in \(file) expires in less than \(when): renew it"
    }

    /// What of its end is worth saying when it is read, though nothing is wrong.
    var note: String? {
        let left = identity.secondsUntilExpiry
        guard problem == nil, left < 30 * Self.day else { return nil }
        return "the certificate in \(file) ends in \(left / Self.day) days"
    }

    private static let day = 86_400
}
