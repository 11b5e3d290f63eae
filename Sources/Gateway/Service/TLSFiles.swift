import ClaudeCLI
import TLS

/// What the TLS of a service is made of beside its certificates.
enum TLSFiles {
    /// The authorities whose certificates clients are asked for; nil when they are not asked.
    static func authorities(_ settings: TLSSettings) throws(ConfigurationFaults) -> TLSAuthorities? {
        guard let file = settings.clientAuthorityFile else { return nil }
        let text = try read(file, for: "CLIENT_CA")
        do throws(TLSFault) { return try TLSAuthorities(pem: text) } catch {
            throw fault("CLIENT_CA", "\(file): \(error.message)")
        }
    }

    /// What is stapled to the certificates, which are in the order of the settings, and what is left out because it is
    /// out of date or still about a former certificate: clients take a certificate without a staple, so that is no reason to
    /// show none, or an old one.
    static func staples(
        _ settings: TLSSettings, _ identities: [TLSIdentity]
    ) throws(ConfigurationFaults) -> (staples: [OCSPStaple], warnings: [String]) {
        var found: (staples: [OCSPStaple], warnings: [String]) = ([], [])
        for (file, identity) in zip(settings.ocspFiles, identities) where file != TLSSettings.noFile {
            let bytes = try read(file, for: "TLS_OCSP")
            do throws(TLSFault) { found.staples.append(try OCSPStaple(bytes, for: identity)) } catch {
                guard OCSPStaple.isPassing(error) else { throw fault("TLS_OCSP", "\(file) \(error.message)") }
                found.warnings.append("TLS_OCSP: \(file) \(error.message), so it is not stapled")
            }
        }
        return found
    }

    private static func read(_ file: String, for setting: String) throws(ConfigurationFaults) -> [UInt8] {
        do throws(FileFault) {
            return try SecretFile.read(file, .readableByAll, maximumBytes: CertificatePair.maximumBytes).copy
        } catch {
            throw fault(setting, error.description)
        }
    }

    private static func fault(_ setting: String, _ text: String) -> ConfigurationFaults {
        ConfigurationFaults([ConfigurationFault(setting, text)])
    }
}

/// Tells when files have been replaced and are at rest: a renewal writes several.
struct FileWatch {
    private let paths: [String]
    /// As they were when they were read.
    private var known: [ProgramFile?]
    /// As they were at the last look.
    private var seen: [ProgramFile?]

    /// Watches files that are read now.
    init(_ paths: [String]) {
        self.paths = paths
        known = paths.map(ProgramFile.init)
        seen = known
    }

    /// True when the files are others than those that were read, and the same as at the last look; true once for each
    /// change.
    mutating func hasSettled() -> Bool {
        let now = paths.map(ProgramFile.init)
        defer { seen = now }
        guard now != known, now == seen else { return false }
        known = now
        return true
    }

    /// True when it watches these.
    func watches(_ paths: [String]) -> Bool { self.paths == paths }
}
