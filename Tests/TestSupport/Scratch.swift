public import Glibc

/// A private directory of a test's own, gone with all that is in it with its last reference.
public final class Scratch: Sendable {
    /// Without a slash at its end.
    public let path: String

    /// Makes an empty one.
    public init() throws(ScratchFault) {
        var template = Array("/tmp/portcullis-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return false }
            return unsafe mkdtemp(start) != nil
        }
        guard made else { throw ScratchFault("mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    /// The path of that name, whether there is such a file or not.
    public func path(of name: String) -> String { "\(path)/\(name)" }

    /// What is in it, sorted.
    public var names: [String] { Self.names(in: path) }

    /// Writes a file with exactly this mode; returns its path.
    @discardableResult
    public func write(_ name: String, _ bytes: [UInt8], mode: mode_t = 0o600) throws(ScratchFault) -> String {
        let file = path(of: name)
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ScratchFault("open \(name)") }
        defer { close(descriptor) }
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw ScratchFault("write \(name)") }
        guard fchmod(descriptor, mode) == 0 else { throw ScratchFault("chmod \(name)") }
        return file
    }

    /// Writes a file with exactly this mode; returns its path.
    @discardableResult
    public func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws(ScratchFault) -> String {
        try write(name, Array(text.utf8), mode: mode)
    }

    /// The whole of a file.
    public func read(_ name: String) throws(ScratchFault) -> [UInt8] {
        let descriptor = unsafe open(path(of: name), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ScratchFault("open \(name)") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw ScratchFault("read \(name)") }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
    }

    /// Makes a symbolic link.
    public func link(_ name: String, to target: String) throws(ScratchFault) {
        guard unsafe symlink(target, path(of: name)) == 0 else { throw ScratchFault("symlink \(name)") }
    }

    /// Makes a FIFO; returns its path.
    public func fifo(_ name: String) throws(ScratchFault) -> String {
        guard unsafe mkfifo(path(of: name), 0o600) == 0 else { throw ScratchFault("mkfifo \(name)") }
        return path(of: name)
    }

    /// The permission bits of a file; 0 if there is none.
    public func mode(of name: String) -> mode_t {
        var status = stat()
        return unsafe stat(path(of: name), &status) == 0 ? status.st_mode & 0o777 : 0
    }

    /// The names in a directory, sorted; none where it cannot be read.
    public static func names(in folder: String) -> [String] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { _ = unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Links are removed and not followed.
    private static func remove(_ path: String) {
        if unsafe unlink(path) == 0 { return }
        for name in names(in: path) { remove("\(path)/\(name)") }
        _ = unsafe rmdir(path)
    }
}

/// What the system refused to a test's directory.
public struct ScratchFault: Error, CustomStringConvertible {
    /// The call, and why it failed.
    public let description: String

    init(_ call: String) { description = unsafe "\(call): \(String(cString: strerror(errno)))" }
}
