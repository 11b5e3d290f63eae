import Platform
import TLS

extension Service {
    /// Takes certificates that were renewed, without being told to, until the service ends.
    ///
    /// Nothing else is read anew: a setting or a key that is being edited must not come into force by itself.
    func watchCertificates() async {
        let wakeup = Wakeup()
        let pause = Alarm(on: loop, waking: wakeup)
        while true {
            pause.deadline = loop.now + .seconds(Self.secondsBetweenLooks)
            while !pause.isDue { await wakeup.wait() }
            pause.cancel()
            if haveCertificatesSettled() { renewCertificates() }
        }
    }

    /// What needs the operator of the certificates that are shown, and of those that were to take their place.
    var certificateProblems: [String] {
        (loaded?.certificates.compactMap(\.problem) ?? []) + (renewalFault.map { [$0] } ?? [])
    }

    private func renewCertificates() {
        guard let site else { return }
        do throws(ConfigurationFaults) {
            let configuration = site.snapshot.configuration
            let certificates = try SnapshotLoader.certificates(of: configuration)
            site.replace(tls: try SnapshotLoader.context(configuration, certificates.map(\.identity)))
            for warning in try TLSFiles.staples(configuration.tls, certificates.map(\.identity)).warnings { log.warning(warning) }
            take(certificates)
            log.info("the certificates were replaced: new connections are shown the new ones")
        } catch {
            for fault in error.faults { log.error("the replaced certificates are not taken: \(fault.description)") }
            refuse(renewal: "the certificates were replaced by others that cannot be used: the old ones are shown")
        }
        note(.certificate, certificateProblems)
    }

    private static let secondsBetweenLooks = 5
}

extension SnapshotLoader {
    /// Reads the certificates of a configuration again.
    static func certificates(of configuration: Configuration) throws(ConfigurationFaults) -> [LoadedCertificate] {
        var certificates: [LoadedCertificate] = []
        var faults: [ConfigurationFault] = []
        for pair in configuration.tls.certificates {
            do throws(FileFault) {
                let chain = try SecretFile.read(pair.certificateFile, .readableByAll, maximumBytes: CertificatePair.maximumBytes)
                let key = try SecretFile.read(pair.keyFile, .secret, maximumBytes: CertificatePair.maximumBytes)
                if let problem = add(pair, chain, key, to: &certificates) {
                    faults.append(ConfigurationFault("TLS_CERTIFICATE", problem))
                }
            } catch {
                faults.append(
                    ConfigurationFault(error.path == pair.keyFile ? "TLS_KEY" : "TLS_CERTIFICATE", error.description))
            }
        }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
        return certificates
    }
}
