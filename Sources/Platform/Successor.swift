import CLinux
import Glibc

/// A descriptor that a process hands to its successor, and the name under which it is found there.
public struct HandedDescriptor: Sendable, Equatable {
    /// The descriptor; it stays open here.
    public var number: Int32
    /// Printable characters without a colon (sd_pid_notify_with_fds(3)).
    public var name: String

    /// A descriptor under a name.
    public init(_ number: Int32, name: String) {
        self.number = number
        self.name = name
    }
}

/// A process that is to take this one's place.
public enum Successor {
    /// Starts a program with descriptors, which it finds as those of a service manager (sd_listen_fds(3)); returns its id.
    ///
    /// It is no child of this process, which may end before it: the service manager hears of its end. `environment` is
    /// all of it, but for what names the descriptors.
    public static func start(
        _ program: String, arguments: [String], environment: [String: String], descriptors: [HandedDescriptor]
    ) throws(SystemError) -> Int32 {
        var variables = environment
        variables["LISTEN_FDS"] = "\(descriptors.count)"
        variables["LISTEN_FDNAMES"] = descriptors.map(\.name).joined(separator: ":")
        // Whoever started us watches us, and hears from now on of another process.
        for name in ["WATCHDOG_PID", "LISTEN_PID", "LISTEN_PIDFDID"] { variables[name] = nil }
        let pid = "LISTEN_PID="
        let list = variables.map { "\($0.key)=\($0.value)" } + [pid + String(repeating: " ", count: 16)]
        let (words, entries) = (CStringArray([program] + arguments), CStringArray(list))
        let numbers = descriptors.map(\.number)
        let result = unsafe program.withCString { path in
            unsafe numbers.withUnsafeBufferPointer { numbers in
                let last = unsafe entries.pointer[list.count - 1]
                var plan = unsafe linux_successor_plan(
                    path: path, arguments: words.pointer, environment: entries.pointer,
                    own_id: last.map { unsafe $0 + pid.utf8.count }, descriptors: numbers.baseAddress,
                    descriptor_count: Int32(clamping: numbers.count))
                return unsafe linux_start_successor(&plan)
            }
        }
        guard result > 0 else { throw SystemError(code: -result, call: "start \(program)") }
        return result
    }

    /// Two connected sockets, the caller's to close: one for this process, one to be handed on.
    public static func link() throws(SystemError) -> (ours: Int32, theirs: Int32) {
        var pair: [Int32] = [-1, -1]
        let result = unsafe pair.withUnsafeMutableBufferPointer { unsafe linux_socket_pair($0.baseAddress) }
        guard result == 0 else { throw .last("socketpair") }
        return (pair[0], pair[1])
    }
}
