import Glibc

/// Why a file could not be used; never holds its content.
struct FileFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file as it was named.
    var path: String
    /// What is wrong with it.
    var problem: String

    /// One line, `path: what`.
    var description: String { "\(path): \(problem)" }
}

/// Reads files whose permissions matter.
enum SecretFile {
    /// Who may have access beside the owner.
    enum Access: Sendable {
        /// Private keys, API keys, credentials: others may nothing, the group may read at most
        /// (systemd hands out credentials as 0440 root:root).
        case secret
        /// Certificates and settings: all may read, others may not write.
        case readableByAll
        /// Files of the kernel, which have no meaningful size or mode.
        case system
    }

    /// Reads a whole regular file of at most `maximumBytes`.
    ///
    /// Symbolic links are resolved first, because certbot's `live/` directory consists of them; the target is
    /// then opened without following links, and all checks are made on the open descriptor.
    static func read(
        _ path: String, _ access: Access, maximumBytes: Int
    ) throws(FileFault) -> SecretBytes {
        guard let target = unsafe realpath(path, nil) else { throw fault(path, errno) }
        defer { unsafe free(target) }
        // O_NONBLOCK: without it a FIFO in the file's place would hang the start.
        let descriptor = unsafe open(target, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw fault(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw fault(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileFault(path: path, problem: "is not a regular file")
        }
        if let problem = problem(with: status.st_mode & 0o777, access) {
            throw FileFault(path: path, problem: problem)
        }
        guard access == .system || Int(status.st_size) <= maximumBytes else {
            throw FileFault(path: path, problem: "is larger than \(DecimalText.size(maximumBytes))")
        }
        let capacity = access == .system ? maximumBytes : Int(status.st_size) + 1
        return try fill(
            SecretBytes(capacity: capacity, isPrivate: status.st_mode & S_IROTH == 0), descriptor, path)
    }

    /// What is wrong with a file's permissions; nil when nothing is.
    static func problem(with mode: mode_t, _ access: Access) -> String? {
        let isWritable = mode & (S_IWGRP | S_IWOTH) != 0
        switch access {
        case .system: return nil
        case .readableByAll:
            return isWritable ? "may be written by others (mode \(octal(mode))); chmod go-w" : nil
        case .secret:
            guard isWritable || mode & S_IROTH != 0 else { return nil }
            let verb = mode & S_IROTH != 0 ? "read" : "written"
            return "may be \(verb) by others (mode \(octal(mode))); chmod 600"
        }
    }

    private static func fill(
        _ content: consuming SecretBytes, _ descriptor: Int32, _ path: String
    ) throws(FileFault) -> SecretBytes {
        var content = content
        while true {
            let count = content.append(from: descriptor)
            if count == 0 { return content }
            if count < 0, errno != EINTR { throw fault(path, errno) }
        }
    }

    private static func octal(_ mode: mode_t) -> String { "0" + String(mode, radix: 8) }

    private static func fault(_ path: String, _ code: Int32) -> FileFault {
        let problem =
            switch code {
            case ENOENT: "does not exist"
            case EACCES, EPERM: "must not be read by this user"
            case ELOOP: "is a symbolic link that leads nowhere"
            case ENOTDIR: "lies in something that is not a directory"
            default: "cannot be read (error \(code))"
            }
        return FileFault(path: path, problem: problem)
    }
}

/// The content of a file in memory of its own, wiped when it is released.
// Unchecked: the memory has one owner, and nobody else keeps a pointer into it.
@safe struct SecretBytes: ~Copyable, @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer
    /// How many bytes there are.
    private(set) var count = 0
    /// True when the file could not be read by all users.
    let isPrivate: Bool

    init(capacity: Int, isPrivate: Bool) {
        unsafe memory = .allocate(byteCount: max(1, capacity), alignment: 16)
        self.isPrivate = isPrivate
    }

    /// A copy of bytes that are at hand already.
    init(_ bytes: [UInt8]) {
        self.init(capacity: bytes.count, isPrivate: true)
        unsafe memory.copyBytes(from: bytes)
        count = bytes.count
    }

    deinit {
        // explicit_bzero, not memset: the compiler may drop a store to memory that is freed next.
        if let start = unsafe memory.baseAddress { unsafe explicit_bzero(start, memory.count) }
        unsafe memory.deallocate()
    }

    /// A copy that nobody wipes.
    var copy: [UInt8] { unsafe [UInt8](memory[..<count]) }

    /// Lends the bytes; they must not be kept.
    borrowing func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try body(UnsafeRawBufferPointer(rebasing: memory[..<count]))
    }

    /// Reads once into the free space; the result is that of read(2), and 0 also when the space is full.
    mutating func append(from descriptor: Int32) -> Int {
        let free = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[count...])
        guard free.count > 0 else { return 0 }
        let result = unsafe Glibc.read(descriptor, free.baseAddress, free.count)
        if result > 0 { count += result }
        return result
    }
}
