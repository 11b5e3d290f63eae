import Glibc
import Platform
import Testing

@testable import Gateway

/// A machine that is the same everywhere: 2 cores, 8 GiB, `claude` in /usr/bin, three host names.
let plainMachine = Machine(
    cores: 2, memoryBytes: 8 << 30, isRoot: false, homeDirectory: "/home/operator",
    currentDirectory: "/srv", isExecutable: { ["/usr/bin/claude", "/opt/claude"].contains($0) },
    addresses: { (name) throws(HostNameFault) in
        switch name {
        case "gate.example": return ["192.0.2.7", "2001:db8::7"]
        case "127.0.0.1.example": return ["192.0.2.8"]
        case "home": return ["127.0.1.1"]
        default: throw HostNameFault("does not resolve to an address: Name or service not known")
        }
    })

/// The least that makes a configuration whole, given by environment variables.
let wholeEnvironment = [
    "HOME": "/home/operator", "PATH": "/usr/local/bin:/usr/bin", "TLS_CERTIFICATE": "/tls/chain.pem",
    "TLS_KEY": "/tls/key.pem", "API_KEYS_FILE": "/etc/keys",
]

/// Loads with the machine above; `file` is the content of every file that is named.
func load(
    _ arguments: [String] = [], environment: [String: String] = [:], file: String? = nil,
    isPrivate: Bool = true, machine: Machine = plainMachine
) throws(ConfigurationFaults) -> Configuration {
    try Configuration.load(
        arguments: arguments, environment: wholeEnvironment.merging(environment) { $1 },
        readFile: { (path) throws(FileFault) in
            guard let file else { throw FileFault(path: path, problem: "does not exist") }
            return ConfigurationFile(bytes: Array(file.utf8), isPrivate: isPrivate)
        }, machine: machine)
}

/// The faults of a configuration, one line each; empty when it loads.
func faults(
    _ arguments: [String] = [], environment: [String: String] = [:], file: String? = nil,
    isPrivate: Bool = true, machine: Machine = plainMachine
) -> [String] {
    do throws(ConfigurationFaults) {
        _ = try load(arguments, environment: environment, file: file, isPrivate: isPrivate, machine: machine)
        return []
    } catch {
        return error.faults.map(\.description)
    }
}

/// The two ends of a pipe or of a pair of sockets, closed with their last reference.
final class Ends {
    let reader: Int32
    let writer: Int32
    private var isReaderOpen = true
    private var isWriterOpen = true

    init(isSocket: Bool = false) throws {
        var ends: [Int32] = [0, 0]
        let type = Int32(SOCK_STREAM.rawValue)
        let result = unsafe isSocket ? socketpair(AF_UNIX, type, 0, &ends) : pipe(&ends)
        try #require(result == 0)
        (reader, writer) = (ends[0], ends[1])
    }

    deinit {
        closeReader()
        closeWriter()
    }

    func closeReader() {
        if isReaderOpen { close(reader) }
        isReaderOpen = false
    }

    func closeWriter() {
        if isWriterOpen { close(writer) }
        isWriterOpen = false
    }

    /// Everything that has been written and not yet read.
    func drain() -> String {
        _ = fcntl(reader, F_SETFL, O_NONBLOCK)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(reader, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    /// Device and inode of the writer, as systemd writes them.
    var writerIdentity: String {
        var status = stat()
        return unsafe fstat(writer, &status) == 0 ? "\(status.st_dev):\(status.st_ino)" : ""
    }
}
