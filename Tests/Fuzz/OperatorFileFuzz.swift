// modules: Vocabulary Platform:AddressRange,PeerAddress HTTP:FieldName,Octets ClaudeCLI:Plan/MCPServer,Launch/AddressPort,Redaction,Plan/CLIFeatures,Questions/ModelNames
// files: Sources/Gateway/MCP/MCPFile.swift Sources/Gateway/SelfTest/SelfTestRecord.swift Sources/Gateway/Keys/APIKey.swift Sources/Gateway/Keys/APIKeyFile.swift Sources/Gateway/Keys/KeyOptions.swift Sources/Gateway/Keys/KeyOptionTable.swift Sources/Gateway/Keys/KeyBindingOptions.swift Sources/Gateway/Keys/KeyCap.swift Sources/Gateway/Reading/SecretFile.swift Sources/Gateway/Keys/CRC32.swift Sources/Gateway/Reading/AssignmentLine.swift Sources/Gateway/Settings/CLIEnvironmentFile.swift Sources/Gateway/Settings/CLIEnvironmentWarnings.swift Sources/Gateway/Reading/Suggestion.swift Sources/Gateway/Reading/ConfigurationFaults.swift Sources/Gateway/Reading/DecimalText.swift
//
// The files that the gateway reads at its start. What must hold for any input: no trap, faults of one line that repeat
// no secret, and what is accepted is what the rest relies on.
import ClaudeCLI
import Vocabulary

/// The first byte chooses the file; in key and environment files a byte 1 behind the first `:` or `=` of a line stands
/// for a secret.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOperatorFiles(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    guard let choice = bytes.first else { return 0 }
    let content = Array(bytes.dropFirst())
    // A name that holds the secret is told, as names are.
    guard !String(decoding: content, as: UTF8.self).contains(secret) else { return 0 }
    switch choice % 4 {
    case 0: registry(content)
    case 1: selfTest(content)
    case 2: keys(withSecrets(content, behind: UInt8(ascii: ":")), allowsWeakKeys: choice >= 0x80)
    default: environment(withSecrets(content, behind: UInt8(ascii: "=")))
    }
    return 0
}

private let secret = "k9Xq-4Wv7-Lm2Z-pT6c-Rb8d"

private func withSecrets(_ content: [UInt8], behind mark: UInt8) -> [UInt8] {
    var lines: [[UInt8]] = []
    for line in content.split(separator: 0x0A, omittingEmptySubsequences: false) {
        let name = line.prefix { $0 != mark }
        lines.append(name + line.dropFirst(name.count).flatMap { $0 == 1 ? Array(secret.utf8) : [$0] })
    }
    return Array(lines.joined(separator: [0x0A]))
}

private func check(_ faults: ConfigurationFaults) {
    precondition(!faults.faults.isEmpty, "something is wrong")
    for fault in faults.faults {
        let text = fault.description
        precondition(!text.contains(secret), "a fault repeats a secret")
        precondition(!text.utf8.contains { $0 < 0x20 }, "a fault is one line")
    }
}

private func registry(_ content: [UInt8]) {
    do throws(ConfigurationFaults) {
        let (servers, notes) = try MCPFile.parse(content, path: "mcp.json", hiding: ["HIDDEN"])
        precondition(Set(servers.map(\.name)).count == servers.count, "names are different")
        for note in notes { precondition(!note.utf8.contains { $0 < 0x20 }, "a note is one line") }
        for server in servers {
            precondition(!server.name.contains("__") && server.name != "c")
            precondition(!server.definition.bytes.contains(0x0A), "a definition fits into a row")
            let definition = try? JSONDocument(parsing: Array(server.definition.bytes)).root
            precondition(definition?["type"]?.text != nil, "a definition is an object with a type")
        }
    } catch {
        check(error)
    }
}

private func selfTest(_ content: [UInt8]) {
    guard let record = SelfTestRecord.decode(content, for: "claude 1") else { return }
    precondition(record.modelNames.resolved.count <= 64, "what is kept is bounded")
    let again = record.encode(for: "claude 1")
    precondition(SelfTestRecord.decode(again, for: "claude 1") == record, "what is kept is what is recalled")
}

private func keys(_ content: [UInt8], allowsWeakKeys: Bool) {
    do throws(ConfigurationFaults) {
        let keys = try APIKeyFile.parse(content, path: "keys", allowsWeakKeys: allowsWeakKeys)
        precondition(!keys.isEmpty && Set(keys.map(\.name)).count == keys.count, "names are different")
        precondition(Set(keys.map(\.secret)).count == keys.count, "keys are different")
        for key in keys {
            precondition(allowsWeakKeys || key.weakness == nil)
            precondition(key.options.mcpServers?.contains("") != true, "a name is granted")
        }
    } catch {
        check(error)
    }
}

private func environment(_ content: [UInt8]) {
    do throws(ConfigurationFaults) {
        let variables = try CLIEnvironmentFile.parse(content, path: "cli.env")
        precondition(Set(variables.map(\.name)).count == variables.count, "names are different")
        for warning in CLIEnvironmentWarnings.of(variables, path: "cli.env") {
            precondition(!warning.contains(secret), "a warning repeats a secret")
            precondition(!warning.utf8.contains { $0 < 0x20 }, "a warning is one line")
        }
        for (name, value) in variables {
            precondition(CLIEnvironmentFile.refusal(of: name) == nil && !name.contains("=") && !name.isEmpty)
            precondition(!value.isEmpty && !value.utf8.contains(0), "an environment holds it as it is")
        }
    } catch {
        check(error)
    }
}
