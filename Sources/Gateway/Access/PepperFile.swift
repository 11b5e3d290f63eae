import Glibc
import Ledger

/// The secret under which a gateway keeps the digests of its keys: 32 bytes in the state directory, made once.
///
/// It lies apart from the ledger, so that a copy of that one alone opens nothing and tells of no key.
enum PepperFile {
    /// Reads it, or makes it with mode 0600. A file of another size is a fault, and so is none where the ledger has keys:
    /// none of them would open.
    static func load(in stateDirectory: String) throws(ConfigurationFaults) -> [UInt8] {
        let path = path(in: stateDirectory)
        do throws(FileFault) {
            if let bytes = try read(path) { return bytes }
            if ledgerHasKeys(stateDirectory) {
                throw FileFault(path: path, problem: "is missing; restore it: without it the keys of the ledger open nothing")
            }
            try make(path)
            if let bytes = try read(path) { return bytes }
            throw FileFault(path: path, problem: "is not \(KeySecretHash.bytes) bytes; without it the keys of the ledger open nothing")
        } catch {
            throw ConfigurationFaults([ConfigurationFault("STATE_DIR", error.description)])
        }
    }

    /// True also where it cannot be looked at, which whoever opens it tells of.
    private static func ledgerHasKeys(_ stateDirectory: String) -> Bool {
        do throws(LedgerFault) {
            let contents = try Ledger.inspect(path: stateDirectory + "/ledger.sqlite")
            return contents.map { !$0.keys.isEmpty } ?? false
        } catch {
            return true
        }
    }

    static func path(in stateDirectory: String) -> String { stateDirectory + "/pepper" }

    /// Nil when there is none.
    private static func read(_ path: String) throws(FileFault) -> [UInt8]? {
        if unsafe access(path, F_OK) != 0, errno == ENOENT { return nil }
        let content = try SecretFile.read(path, .secret, maximumBytes: 4096)
        let bytes = content.copy
        guard bytes.count == KeySecretHash.bytes else {
            throw FileFault(path: path, problem: "is not \(KeySecretHash.bytes) bytes; restore it: without it the keys of the ledger open nothing")
        }
        return bytes
    }

    /// The file is whole when it has its name, and there to stay when this returns.
    private static func make(_ path: String) throws(FileFault) {
        let bytes = KeySecretHash.random()
        let fresh = path + ".new"
        _ = unsafe unlink(fresh)
        let descriptor = unsafe open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFault(path: path, problem: "cannot be made (error \(errno))") }
        let count = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        let isSafe = count == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isSafe, unsafe rename(fresh, path) == 0, syncFolder(of: path) else {
            _ = unsafe unlink(fresh)
            throw FileFault(path: path, problem: "cannot be made (error \(errno))")
        }
    }

    private static func syncFolder(of path: String) -> Bool {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}
