import Vocabulary

extension KeyOption {
    /// Which certificate must be shown with a key.
    static let binding: [KeyOption] = [
        KeyOption(
            name: "cert-sha256", syntax: "HEX",
            help: "The client certificate, signed by one of `CLIENT_CA`, that must be shown with it, by its SHA-256 fingerprint.",
            take: { (text, options) throws(ValueProblem) in
                let digits = text.lowercased().filter { $0 != ":" }
                guard digits.utf8.count == 64, digits.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else {
                    throw ValueProblem("is not a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
                }
                options.certificateDigest = digits
            }, clear: { $0.certificateDigest = nil }, text: \.certificateDigest),
        KeyOption(
            name: "cert-san", syntax: "NAME",
            help: "A name, e-mail address or URI that the client certificate shown with it must be for.",
            take: { (text, options) throws(ValueProblem) in
                guard text.utf8.count <= 255, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") })
                else { throw ValueProblem("is not a DNS name, an e-mail address or a URI") }
                options.certificateName = text.lowercased()
            }, clear: { $0.certificateName = nil }, text: \.certificateName),
    ]
}
