import Glibc

/// The newest result of a self-test in the state directory, so that the next start costs nothing.
struct SelfTestMemory: Sendable {
    /// The file, mode 0600.
    let path: String
    private static let maxBytes = 64 << 10

    init(state: String) { path = state + "/self-test.json" }

    /// The result for this very CLI; nil where there is none, or none that can be read.
    func recall(_ identity: CLIIdentity) -> SelfTestReport? {
        guard let content = try? SecretFile.read(path, .secret, maximumBytes: Self.maxBytes) else { return nil }
        guard let record = SelfTestRecord.decode(content.copy, for: identity.text) else { return nil }
        var report = SelfTestReport(.tested(missing: record.missing))
        report.isRemembered = true
        report.modelNames = record.modelNames
        return report
    }

    /// Keeps a result; the file is whole at any moment. False when it cannot be written, which costs a test at the
    /// next start.
    @discardableResult
    func keep(_ report: SelfTestReport, of identity: CLIIdentity) -> Bool {
        guard report.isFinal, case .tested(let missing) = report.outcome, let names = report.modelNames else {
            return false
        }
        let bytes = SelfTestRecord(missing: missing, modelNames: names).encode(for: identity.text)
        let fresh = path + ".new"
        _ = unsafe unlink(fresh)
        let descriptor = unsafe open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        let count = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        let isSafe = count == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isSafe, unsafe rename(fresh, path) == 0 else {
            _ = unsafe unlink(fresh)
            return false
        }
        return true
    }
}
