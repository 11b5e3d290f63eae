import Platform

/// Which walls stand round the children of one configuration.
///
/// There are two forms. The narrow one lets the CLI do what it needs and no more: run its own program, read libraries,
/// certificates and resolver files, write its own directories, connect to the ports of its vendor. The wide one is for
/// programs nobody knows beforehand, those of MCP servers and a CLI that is itself a script: they may read and run all
/// but what is hidden and devices, write where it says so, and connect to any port.
///
/// Where children ask through a relay, the narrow form opens the relay's port alone, and no datagrams.
public struct WallPolicy: Sendable, Hashable {
    /// What children must not come near: the files of the gateway itself.
    private let hidden: HiddenPlaces
    /// True where programs of MCP servers run within the walls.
    private let runsPrograms: Bool
    /// True where children ask a port of loopback in place of their vendor.
    private let isRelayed: Bool
    /// Where registered MCP servers are reached.
    private let serverPorts: Set<UInt16>
    /// What the operator opens to all children but those with a shell.
    private let shared: Set<String>
    /// What can be said once for all children of each form.
    private let narrow: [Walls.Grant]
    private let agent: [Walls.Grant]
    /// Nil where the CLI is no script and no server a program. The wide form lists whole directories, such as /tmp, and
    /// every snapshot of the settings that a process or a turn still holds has a list of its own.
    private let wide: [Walls.Grant]?

    /// A policy for the CLI at `program` that hides `hidden`, opens `shared` beside what is needed, and lets `servers` be
    /// used; the vendor's port is that of `ANTHROPIC_BASE_URL` alone where it `isRelayed`.
    public init(
        running program: String? = nil, hiding hidden: [String], sharing shared: [String] = [], for servers: [MCPServer] = [],
        isRelayed: Bool = false
    ) {
        self.isRelayed = isRelayed
        self.hidden = HiddenPlaces(hidden)
        runsPrograms = servers.contains { $0.reach == .program }
        serverPorts = Set(servers.compactMap(\.reach.port))
        self.shared = Set(shared)
        let places = self.hidden
        let all = Self.devices + shared.flatMap { places.grants($0, [.read, .write, .execute]) }
        narrow = all + Self.read.flatMap { places.grants($0, .read) }
        agent = AgentPlaces.grants(hiding: places)
        let isWide = runsPrograms || program.map { ProgramForm(path: $0) == .script } ?? false
        wide = isWide ? Self.wide(hiding: places, sharing: self.shared) : nil
    }

    private static func wide(hiding places: HiddenPlaces, sharing shared: Set<String>) -> [Walls.Grant] {
        // No devices but these: root reads disks by the others, past all rules for files.
        devices + shared.sorted().flatMap { places.grants($0, [.read, .write, .execute]) }
            + places.and("/dev").grants("/", [.read, .execute])
            + scratch.flatMap { places.grants($0, [.read, .write]) }
    }

    /// The walls of a child that lives in `directory`, where it has one, writes `login`, where it needs that, and runs
    /// `program` in an environment of the operator's `variables`.
    func walls(
        running program: String, in directory: TurnDirectory?, login: String?, variables: [String]
    ) -> Walls {
        let form = ProgramForm(path: program)
        let isWide = runsPrograms || form == .script
        let own: Walls.Rights = isWide ? [.read, .write, .execute] : [.read, .write]
        // A CLI that has become a script since is listed for here: its new file is tried and read in again soon.
        let wide = isWide ? self.wide ?? Self.wide(hiding: hidden, sharing: shared) : nil
        var walls = Walls(wide ?? narrow, ports: isWide ? nil : ports(variables))
        walls.mayServe = isWide
        walls.maySend = isWide || !isRelayed || !serverPorts.isEmpty
        walls.largestFile = isWide ? nil : Self.largestFile
        walls.grants.append(Walls.Grant(program, [.read, .execute]))
        if case .native(let loader?) = form { walls.grants.append(Walls.Grant(loader, [.read, .execute])) }
        if let directory {
            walls.grants.append(Walls.Grant(directory.path, own, isNeeded: true))
            walls.grants.append(Walls.Grant(directory.working, .read, isNeeded: true))
        }
        if let login { walls.grants.append(Walls.Grant(login, [.read, .write])) }
        for value in variables.map(Self.value) where value.hasPrefix("/") && value != "/" {
            walls.grants += hidden.grants(value, .read)
        }
        return walls
    }

    /// The walls of a child whose own tools work in a workspace, and whose shell, made of the files `shell`, runs programs
    /// there in tighter ones.
    ///
    /// They are the narrow walls, and what a shell may do beside the CLI: within these that it has its own.
    func walls(
        running program: String, in directory: TurnDirectory, login: String?, variables: [String], workspace: Workspace,
        shell: [String]
    ) -> Walls {
        // The egress proxy's, also where the vendor is asked through a relay.
        let proxy = variables.filter { $0.hasPrefix("HTTPS_PROXY=") }.compactMap { AddressPort.of(Self.value($0)) }
        let ports = Set(ports(variables)).union(proxy).sorted()
        var walls = Walls(narrow.filter { !shared.contains($0.path) } + agent, ports: ports)
        walls.calls = .agent
        walls.maySend = !isRelayed
        walls.largestFile = max(Self.largestFile, workspace.bounds.largestFile)
        walls.grants.append(Walls.Grant(program, [.read, .execute]))
        if case .native(let loader?) = ProgramForm(path: program) { walls.grants.append(Walls.Grant(loader, [.read, .execute])) }
        walls.grants += shell.map { Walls.Grant($0, [.read, .execute], isNeeded: true) }
        walls.grants.append(Walls.Grant(directory.path, [.read, .write], isNeeded: true))
        walls.grants.append(Walls.Grant(directory.shell, [.read, .write, .execute], isNeeded: true))
        walls.grants.append(Walls.Grant(workspace.directory, [.read, .write, .execute], isNeeded: true))
        if let login { walls.grants.append(Walls.Grant(login, [.read, .write])) }
        for value in variables.map(Self.value) where value.hasPrefix("/") && value != "/" {
            walls.grants += hidden.grants(value, .read)
        }
        return walls
    }

    /// What the narrow walls come to, one item a line: what a self-test is good for.
    public var lines: [String] { narrow.map { "\($0.rights.rawValue) \($0.path)" } + (isRelayed ? ["relayed"] : []) }

    private static func value(_ pair: String) -> String { String(pair.drop { $0 != "=" }.dropFirst()) }

    /// TLS, DNS, and whatever the operator's addresses name.
    private func ports(_ variables: [String]) -> [UInt16] {
        if isRelayed {
            let vendor = variables.filter { $0.hasPrefix("ANTHROPIC_BASE_URL=") }.compactMap { AddressPort.of(Self.value($0)) }
            // Servers elsewhere have names, which somebody must be asked for.
            return serverPorts.union(vendor).union(serverPorts.isEmpty ? [] : [53]).sorted()
        }
        var ports = serverPorts.union([443, 53])
        // Clouds hand out the rights of a machine by plain HTTP.
        if variables.contains(where: { $0.hasPrefix("CLAUDE_CODE_USE_") || $0.hasPrefix("AWS_") }) { ports.insert(80) }
        for pair in variables {
            let isProxy = pair.prefix { $0 != "=" }.lowercased().hasSuffix("_proxy")
            if let port = AddressPort.of(Self.value(pair), schemeIsOptional: isProxy) { ports.insert(port) }
        }
        return ports.sorted()
    }

    private static let largestFile = 256 << 20

    static let devices = ["/dev/null", "/dev/zero", "/dev/full"].map { Walls.Grant($0, [.read, .write]) }
        + ["/dev/random", "/dev/urandom"].map { Walls.Grant($0, .read) }

    /// Where programs write what nobody keeps.
    private static let scratch = ["/tmp", "/var/tmp", "/dev/shm"]

    static let read = [
        // Libraries; no programs beside the CLI run from there.
        "/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/local/lib", "/nix/store", "/gnu/store",
        "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/usr/share/zoneinfo",
        // Certificates.
        "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem",
        "/etc/pki/ca-trust", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
        "/etc/crypto-policies", "/usr/share/crypto-policies",
        // Names of hosts; the second may be where the first leads.
        "/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
        "/etc/services", "/etc/protocols",
        // What the runtime asks of the machine: processors, memory, and the limits of its own control group.
        "/proc/version", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/loadavg", "/proc/sys/vm",
        "/proc/sys/kernel/osrelease", "/sys/devices/system/cpu", "/sys/devices/system/node",
        "/sys/kernel/mm/transparent_hugepage", "/sys/fs/cgroup",
    ]
}
