import ClaudeCLI
import Platform

/// What children are kept from.
struct SandboxSettings: Sendable, Equatable {
    /// What is done where the kernel cannot build all the walls.
    enum Mode: String, Sendable, CaseIterable {
        /// Nothing is started without those that keep files and refuse system calls.
        case require
        /// Those that can be built stand.
        case prefer
        /// There are none.
        case off
    }

    /// Whether there are walls.
    var mode = Mode.prefer
    /// What children may read, write and run beside what they need.
    var paths: [String] = []
    /// The gateway's own files, which no child may come near.
    var hidden: [String] = []

    /// The walls round children that run `program`, may use `servers` and are to see nothing of `others` either; nil for
    /// none.
    func policy(
        running program: String, for servers: [MCPServer], hiding others: [String] = [], isRelayed: Bool = false
    ) -> WallPolicy? {
        if mode == .off { return nil }
        return WallPolicy(running: program, hiding: hidden + others, sharing: paths, for: servers, isRelayed: isRelayed)
    }
}

/// What stands of the walls round children.
struct SandboxState: Sendable, Equatable {
    /// The words of `/health` and of metrics.
    enum Word: String, Sendable, CaseIterable { case full, partial, none, off }

    let word: Word
    /// The version of Landlock that is in force; 0 for none.
    let landlock: Int
    /// What no wall stands before, in words.
    let missing: [String]

    init(_ settings: SandboxSettings, on kernel: WallKernel = .current) {
        missing = kernel.missing
        landlock = settings.mode == .off ? 0 : kernel.landlock
        word =
            settings.mode == .off ? .off
            : missing.isEmpty ? .full : kernel.landlock > 0 || kernel.filtersCalls ? .partial : .none
    }

    /// What the operator is told at the start and by `portcullis check`.
    var note: String {
        let kernel = "Landlock \(landlock)"
        return switch word {
        case .off: "children run without walls (SANDBOX=off)"
        case .none: "children run without walls: this kernel, or what this process may do of it, cannot build them"
        case .full: "walls round every child: files, system calls, TCP ports, signals (\(kernel))"
        case .partial: "walls round every child (\(kernel)), but none before \(missing.joined(separator: ", "))"
        }
    }
}

extension SandboxSettings {
    /// Why nothing may start; nil when it may.
    func fault(on kernel: WallKernel = .current) -> ConfigurationFault? {
        guard mode == .require, !kernel.isSound else { return nil }
        let missing = kernel.missing.prefix(kernel.landlock > 0 ? 1 : kernel.filtersCalls ? 1 : 2).joined(separator: " and ")
        return ConfigurationFault(
            "SANDBOX", "require, but this kernel, or what this process may do of it, cannot keep children from \(missing)")
    }
}
