import CLinux
import Glibc
import Synchronization

/// Why a host name cannot be listened on.
public struct HostNameFault: Error, Sendable, Equatable {
    /// What is wrong, to be read behind the name.
    public let problem: String

    /// A fault of a name.
    public init(_ problem: String) { self.problem = problem }
}

/// Looking up host names in bounded time.
public enum HostName {
    /// More are taken for a mistake.
    static let maximumAddresses = 16

    /// All addresses of a name, numeric and sorted; at least one.
    ///
    /// getaddrinfo(3) cannot be told how long to wait, so that it runs on a thread of its own, which is left behind
    /// when the time is over.
    public static func addresses(of name: String, within milliseconds: Int32) throws(HostNameFault) -> [String] {
        let answer: Answer
        do throws(SystemError) { answer = try Answer(for: name) } catch {
            throw HostNameFault("cannot be looked up: \(error.description)")
        }
        guard answer.isThere(within: milliseconds) else {
            throw HostNameFault("was not found within \(milliseconds / 1000) s: no name server answers")
        }
        return try answer.result.withLock { $0 }.get()
    }

    /// What the thread finds, and the bell that it rings then.
    private final class Answer: Sendable {
        let name: String
        let result = Mutex<Result<[String], HostNameFault>>(.failure(HostNameFault("was not looked up")))
        private let bell: FileDescriptor

        init(for name: String) throws(SystemError) {
            self.name = name
            let number = eventfd(0, Int32(EFD_CLOEXEC))
            guard number >= 0 else { throw .last("eventfd") }
            bell = FileDescriptor(adopting: number)
            try DetachedThread.start { self.find() }
        }

        func isThere(within milliseconds: Int32) -> Bool {
            let end = Instant.now + Milliseconds(Int(milliseconds))
            while true {
                let left = end.since(.now).count
                var entry = pollfd(fd: bell.number, events: Int16(POLLIN), revents: 0)
                let count = unsafe poll(&entry, 1, Int32(max(0, left)))
                if count > 0 { return true }
                if count == 0 || errno != EINTR { return false }
            }
        }

        private func find() {
            let found = HostName.lookUp(name)
            result.withLock { $0 = found }
            var one: UInt64 = 1
            _ = unsafe write(bell.number, &one, 8)
        }
    }

    private static func lookUp(_ name: String) -> Result<[String], HostNameFault> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = linux_stream_type()
        var found: UnsafeMutablePointer<addrinfo>?
        let failure = unsafe getaddrinfo(name, nil, &hints, &found)
        guard failure == 0 else {
            let reason = unsafe gai_strerror(failure).map { unsafe String(cString: $0) } ?? "error \(failure)"
            return .failure(HostNameFault("does not resolve to an address: \(reason)"))
        }
        defer { unsafe freeaddrinfo(found) }
        var addresses: Set<String> = []
        var next = unsafe found
        while let entry = unsafe next {
            if let address = unsafe numeric(entry.pointee) { addresses.insert(address) }
            unsafe next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty, addresses.count <= maximumAddresses else {
            return .failure(
                HostNameFault("has \(addresses.count) addresses to listen on; name some of them instead"))
        }
        return .success(addresses.sorted())
    }

    /// The address in digits; nil for those that need an interface named with them (RFC 4007 §11).
    private static func numeric(_ entry: addrinfo) -> String? {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let failure = unsafe getnameinfo(
            entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return failure == 0 && !address.contains("%") ? address : nil
    }
}
