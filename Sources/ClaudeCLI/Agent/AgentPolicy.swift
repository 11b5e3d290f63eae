import Glibc
import Platform
import Vocabulary

/// Decides the CLI's question whether a call of one of its own tools may be made.
///
/// It is the first of two locks and the one that gives reasons: what it overlooks the walls still keep. It knows the tools'
/// arguments; what it does not know it denies.
struct AgentPolicy: Sendable {
    /// What becomes of a call.
    enum Verdict: Sendable, Equatable {
        case allowed
        /// Not made, for this reason, which the model reads.
        case denied(String)
    }

    let run: AgentRun

    /// The verdict on a call of the tool by that name.
    func verdict(on name: String, _ input: JSONValue) -> Verdict {
        guard let tool = AgentTool(rawValue: name), run.tools.contains(tool) else {
            return .denied("The tool \(name.prefix(64)) is not available in this workspace.")
        }
        switch tool {
        case .read: return path(input, "file_path", isRequired: true, writes: false)
        case .write, .edit: return path(input, "file_path", isRequired: true, writes: true)
        case .grep: return path(input, "path", isRequired: false, writes: false)
        case .glob: return glob(input)
        case .bash: return command(input)
        case .webFetch: return address(input)
        case .webSearch: return .allowed
        case .agent: return subagent(input)
        }
    }

    // MARK: - Paths

    private func path(_ input: JSONValue, _ key: StaticString, isRequired: Bool, writes: Bool) -> Verdict {
        guard let value = input[key], value.kind != .null else {
            return isRequired ? .denied("\(key) is missing.") : .allowed
        }
        guard let text = value.text?.string, !text.isEmpty else { return .denied("\(key) is not a path.") }
        return path(text, writes: writes)
    }

    private func path(_ text: String, writes: Bool) -> Verdict {
        guard let place = WorkspacePath.resolve(text, from: run.workingDirectory) else {
            return .denied("\(text.prefix(256)) is not a path that can be followed, or that leads to one place alone.")
        }
        guard let inside = WorkspacePath.part(of: place, beneath: run.workspace.directory) else {
            return .denied(
                "\(text.prefix(256)) is outside of the workspace. Only \(run.workspace.directory) and what lies in it "
                    + "can be used.")
        }
        if writes, run.workspace.readOnly.contains(where: { CommandPattern.matches($0, inside) }) {
            return .denied("\(text.prefix(256)) is not to be changed in this workspace.")
        }
        return .allowed
    }

    /// A pattern may itself lead elsewhere: its beginning without wildcards counts.
    private func glob(_ input: JSONValue) -> Verdict {
        guard let pattern = input["pattern"]?.text?.string else { return .denied("pattern is missing.") }
        if pattern.split(whereSeparator: { "/{},".contains($0) }).contains("..") {
            return .denied("A pattern must not hold `..`.")
        }
        if pattern.hasPrefix("{"), pattern.contains("{/") || pattern.contains(",/") {
            return .denied("A pattern must not begin with several places.")
        }
        if case .denied(let reason) = path(input, "path", isRequired: false, writes: false) { return .denied(reason) }
        let fixed = pattern.prefix { !"*?[{".contains($0) }
        guard let end = fixed.lastIndex(of: "/") ?? (fixed.hasPrefix("~") ? fixed.startIndex : nil) else { return .allowed }
        guard !pattern.hasPrefix("/"), !pattern.hasPrefix("~") else { return path(String(fixed), writes: false) }
        let base = input["path"]?.text.map { $0.string + "/" } ?? ""
        return path(base + fixed[..<end], writes: false)
    }

    // MARK: - Sub-agents

    /// A sub-agent works with the model, the effort and the place of its run, and its calls are decided like others: what
    /// would change any of that is not taken.
    private func subagent(_ input: JSONValue) -> Verdict {
        guard input.kind == .object else { return .denied("The arguments of the call cannot be read.") }
        for (key, value) in input.members where !["description", "prompt"].contains(key.string) {
            guard key.matches("subagent_type") else {
                return .denied(
                    "\(key.string.prefix(64)) cannot be chosen here: a sub-agent works as this run does. Leave it out.")
            }
            guard value.text?.string == AgentRun.subagent else {
                return .denied("There are only sub-agents of the type \(AgentRun.subagent) here.")
            }
        }
        return .allowed
    }

    // MARK: - Commands and addresses

    private func command(_ input: JSONValue) -> Verdict {
        guard let text = input["command"]?.text?.string, !text.isEmpty else { return .denied("command is missing.") }
        if input["run_in_background"]?.bool == true {
            return .denied("Commands cannot go on in the background here: nothing outlives the run.")
        }
        guard let allowed = run.workspace.commands else { return .allowed }
        return CommandPattern.verdict(on: text, among: allowed)
    }

    private func address(_ input: JSONValue) -> Verdict {
        guard let text = input["url"]?.text?.string, let host = Self.host(of: text) else {
            return .denied("url is not an http or https address.")
        }
        switch run.workspace.network {
        case .none: return .denied("This workspace has no network.")
        case .open: break
        case .hosts(let hosts):
            guard hosts.contains(where: { Self.matches($0, host) }) else {
                return .denied("\(host) is none of the hosts that this workspace may reach: \(hosts.joined(separator: ", ")).")
            }
        }
        if let near = Self.near(host) {
            return .denied("\(near.prefix(256)) is not in the internet: this machine, its neighbours and its cloud are closed.")
        }
        return .allowed
    }

    /// What a host is called that by its very name is not in the internet; nil for others, which the egress proxy looks up.
    private static func near(_ host: String) -> String? {
        // The CLI takes neither names without a dot nor addresses of IPv6.
        guard !host.hasPrefix("[") else { return host }
        var number = in_addr()
        // Parts may be missing, or in other numerals.
        guard unsafe inet_aton(host, &number) != 0 else { return host.split(separator: ".").count > 1 ? nil : host }
        let address = PeerAddress(ipv4: UInt32(bigEndian: number.s_addr))
        return PublicAddress.isPublic(address) ? nil : address.text
    }

    static func host(of url: String) -> String? {
        let lower = url.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lower.hasPrefix($0) }) else { return nil }
        var rest = lower.dropFirst(scheme.count).prefix { !"/?#\\".contains($0) }
        if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        if rest.hasPrefix("[") { return rest.firstIndex(of: "]").map { String(rest[...$0]) } }
        let host = rest.prefix { $0 != ":" }
        return host.isEmpty ? nil : String(host)
    }

    static func matches(_ pattern: String, _ host: String) -> Bool {
        // At which port is the proxy's to say.
        let pattern = pattern.lowercased().prefix { $0 != ":" }
        return pattern.hasPrefix("*.") ? host.hasSuffix(pattern.dropFirst()) : host == pattern
    }
}
