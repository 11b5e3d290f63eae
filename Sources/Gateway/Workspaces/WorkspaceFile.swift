import ClaudeCLI
import Vocabulary

/// The grammar of `WORKSPACES`: `{"workspaces": {"name": {…}}}`.
///
/// Unknown keys are refused: a misspelt bound would be none. Faults name the file and the workspace.
enum WorkspaceFile {
    static let maximumBytes = 1 << 20

    static func parse(_ bytes: [UInt8], path: String) throws(ConfigurationFaults) -> [Workspace] {
        let root: JSONValue
        do throws(JSONError) { root = try JSONDocument(parsing: bytes).root } catch {
            throw ConfigurationFaults([ConfigurationFault(path, "is not JSON: \(error.reason) at byte \(error.offset)")])
        }
        guard root.kind == .object, let list = root["workspaces"], list.kind == .object,
            root.members.allSatisfy({ $0.key.string == "workspaces" })
        else {
            throw ConfigurationFaults([
                ConfigurationFault(path, "is not an object with the one key workspaces, itself an object")
            ])
        }
        var workspaces: [Workspace] = []
        var faults: [ConfigurationFault] = []
        for (index, (key, value)) in list.members.enumerated() {
            let name = key.string
            let label = AccountSettings.isName(name) ? "workspace \(name)" : "workspace \(index + 1)"
            do throws(ValueProblem) {
                guard AccountSettings.isName(name) else {
                    throw ValueProblem("the name is not 1 to 32 letters, digits, '_' and '-'")
                }
                if workspaces.contains(where: { $0.name == name }) { throw ValueProblem("is there twice") }
                workspaces.append(try WorkspaceReader(value: value).read(name))
            } catch {
                faults.append(ConfigurationFault(path, "\(label): \(error.text)"))
            }
        }
        guard faults.isEmpty else { throw ConfigurationFaults(faults) }
        return workspaces
    }
}

/// Reads one workspace.
private struct WorkspaceReader {
    let value: JSONValue

    private static let keys = [
        "directory", "tools", "network", "commands", "readOnly", "shared", "memory", "processes", "disk", "seconds", "turns",
        "cost",
    ]

    func read(_ name: String) throws(ValueProblem) -> Workspace {
        guard value.kind == .object else { throw ValueProblem("is not an object") }
        var seen: Set<String> = []
        for (key, _) in value.members {
            guard Self.keys.contains(key.string) else {
                throw ValueProblem("has a key that is none of \(Self.keys.joined(separator: ", "))")
            }
            guard seen.insert(key.string).inserted else { throw ValueProblem("\(key.string) is given twice") }
        }
        guard let directory = value["directory"]?.text?.string, directory.hasPrefix("/") else {
            throw ValueProblem("directory is not an absolute path")
        }
        var workspace = Workspace(name: name, directory: directory, tools: try tools())
        workspace.network = try network()
        workspace.commands = try texts("commands")
        workspace.readOnly = try texts("readOnly") ?? []
        workspace.isShared = try flag("shared") ?? false
        let usual = Workspace.Bounds()
        workspace.bounds.memoryBytes = try size("memory", 64 << 20...1 << 40) ?? usual.memoryBytes
        workspace.bounds.processes = try whole("processes", 8...100_000) ?? usual.processes
        workspace.bounds.diskBytes = try size("disk", 1 << 20...1 << 50) ?? usual.diskBytes
        workspace.bounds.seconds = try whole("seconds", 1...86_400) ?? usual.seconds
        workspace.bounds.turns = try whole("turns", 1...10_000) ?? usual.turns
        workspace.bounds.cost = try dollars("cost")
        if workspace.tools.contains(.webFetch), workspace.network == .none {
            throw ValueProblem("tools has WebFetch, which needs a network")
        }
        if workspace.commands != nil, !workspace.tools.contains(.bash) {
            throw ValueProblem("commands are those of Bash, which is not among the tools")
        }
        return workspace
    }

    private func tools() throws(ValueProblem) -> Set<AgentTool> {
        guard let names = try texts("tools") else { return WorkspaceRegistry.usualTools }
        var tools: Set<AgentTool> = []
        for name in names {
            guard let tool = AgentTool(rawValue: name) else {
                let all = AgentTool.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValueProblem("tools: \(quoted(name)) is none of \(all)")
            }
            tools.insert(tool)
        }
        guard !tools.isEmpty else { throw ValueProblem("tools is empty") }
        guard tools != [.agent] else { throw ValueProblem("tools has Agent alone, whose sub-agents need others") }
        return tools
    }

    private func network() throws(ValueProblem) -> Workspace.Network {
        guard let network = value["network"] else { return .none }
        if network.kind == .array {
            let hosts = try texts("network") ?? []
            guard !hosts.isEmpty, hosts.allSatisfy(Self.isHost) else {
                throw ValueProblem("network is no list of host names as example.org, *.example.org or example.org:8443")
            }
            return .hosts(hosts.map { $0.lowercased() })
        }
        switch network.text?.string {
        case "no": return .none
        case "yes": return .open
        default: throw ValueProblem("network is none of \"no\", \"yes\" and a list of hosts")
        }
    }

    private static func isHost(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let host = parts.first, parts.count == 1 || parts.count == 2 && UInt16(parts[1]).map({ $0 > 0 }) == true else {
            return false
        }
        let name = host.hasPrefix("*.") ? host.dropFirst(2) : host
        return !name.isEmpty && name.utf8.count <= 253
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    private func texts(_ key: StaticString) throws(ValueProblem) -> [String]? {
        guard let list = value[key] else { return nil }
        guard list.kind == .array else { throw ValueProblem("\(key) is not a list of texts") }
        var texts: [String] = []
        for element in list.elements {
            guard let text = element.text?.string, !text.isEmpty, text.utf8.count <= 1024, !text.utf8.contains(0) else {
                throw ValueProblem("\(key) holds something else than text")
            }
            texts.append(text)
        }
        return texts
    }

    private func flag(_ key: StaticString) throws(ValueProblem) -> Bool? {
        guard let flag = value[key] else { return nil }
        guard let isSet = flag.bool else { throw ValueProblem("\(key) is neither true nor false") }
        return isSet
    }

    private func whole(_ key: StaticString, _ range: ClosedRange<Int>) throws(ValueProblem) -> Int? {
        guard let member = value[key] else { return nil }
        guard let number = member.integer, range.contains(number) else {
            throw ValueProblem("\(key) is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private func size(_ key: StaticString, _ range: ClosedRange<Int>) throws(ValueProblem) -> Int? {
        guard let member = value[key] else { return nil }
        guard let bytes = member.integer ?? member.text.flatMap({ DecimalText.parseSize($0.string) }), range.contains(bytes)
        else {
            let (least, most) = (DecimalText.size(range.lowerBound), DecimalText.size(range.upperBound))
            throw ValueProblem("\(key) is not a size as \"512MiB\" from \(least) to \(most)")
        }
        return bytes
    }

    private func dollars(_ key: StaticString) throws(ValueProblem) -> Int? {
        guard let member = value[key] else { return nil }
        guard let dollars = member.double, dollars > 0, dollars <= 1_000_000 else {
            throw ValueProblem("\(key) is not a number of dollars above 0")
        }
        return Int((dollars * 1e9).rounded())
    }
}
