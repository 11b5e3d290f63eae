import Gateway
import Glibc

/// The process's environment, as names and values.
func environment() -> [String: String] {
    var found: [String: String] = [:]
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
        let pair = unsafe String(cString: text)
        if let equals = pair.firstIndex(of: "=") {
            found[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        unsafe entry += 1
    }
    return found
}

if Program.isShell { exit(Program.runShell(environment: environment())) }
exit(Program.run(arguments: Array(CommandLine.arguments.dropFirst()), environment: environment()))
