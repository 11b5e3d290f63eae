import Glibc
import Platform
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("Which walls stand round the CLI")
struct WallPolicyTests {
    private let directory = TurnDirectory(slot: 3, path: "/state/turns/3", working: "/state/work")

    private func walls(
        _ policy: WallPolicy, program: String = "/bin/cat", login: String? = nil, variables: [String] = []
    ) -> Walls {
        policy.walls(running: program, in: directory, login: login, variables: variables)
    }

    private func rights(_ walls: Walls, _ path: String) -> Walls.Rights {
        walls.grants.filter { $0.path == path }.reduce([]) { $0.union($1.rights) }
    }

    @Test("the CLI writes its own directories, runs itself and its loader, and reads what it needs")
    func narrow() {
        let found = walls(WallPolicy(hiding: ["/state"]), login: "/home/o/.claude")
        #expect(rights(found, "/state/turns/3") == [.read, .write])
        #expect(rights(found, "/state/work") == .read)
        #expect(rights(found, "/home/o/.claude") == [.read, .write])
        #expect(rights(found, "/usr/lib") == .read)
        #expect(rights(found, "/etc/ssl/certs") == .read)
        let executable = Set(found.grants.filter { $0.rights.contains(.execute) }.map(\.path))
        #expect(executable.count == 2 && executable.contains("/bin/cat"))
        #expect(!found.mayServe && found.largestFile != nil)
        #expect(found.grants.allSatisfy { !["/", "/etc", "/tmp", "/proc", "/state"].contains($0.path) })
    }

    @Test("where requests are relayed the one port that stands for the vendor is open, and nothing else")
    func relayed() {
        let found = walls(
            WallPolicy(hiding: [], isRelayed: true),
            variables: ["ANTHROPIC_BASE_URL=http://127.0.0.1:4711/team", "HTTPS_PROXY=http://p:3128", "AWS_REGION=x"])
        #expect(found.ports == [4711] && !found.maySend && !found.mayServe)
        #expect(walls(WallPolicy(hiding: [])).maySend)
        #expect(walls(WallPolicy(hiding: [], isRelayed: true)).ports == [])
    }

    @Test("a child is told a token in the credential's place, and one port in the vendor's")
    func standIn() {
        final class Token: StandInLogin.Token {
            let text = "a-token"
        }
        var profile = LaunchProfile(
            path: "/bin/cat",
            operatorEnvironment: [
                "ANTHROPIC_API_KEY=secret", "CLAUDE_CODE_OAUTH_TOKEN=secret", "ANTHROPIC_BASE_URL=https://v", "OTHER=kept",
            ], loginDirectory: "/nonexistent")
        profile.walls = WallPolicy(hiding: [], isRelayed: true)
        profile.standIn = StandInLogin(
            baseURL: "http://127.0.0.1:4711", credentials: ["ANTHROPIC_API_KEY"], issue: { Token() })
        let plan = profile.plan(in: directory, limits: CLILimits(), token: profile.standIn?.token())
        #expect(plan.environment.filter { $0.contains("ANTHROPIC_") }.sorted() == [
            "ANTHROPIC_API_KEY=a-token", "ANTHROPIC_BASE_URL=http://127.0.0.1:4711",
        ])
        #expect(plan.environment.contains("OTHER=kept") && !plan.environment.contains { $0.contains("secret") })
        #expect(plan.walls?.ports == [4711])
        #expect(profile.bringsCredential && profile.account.contains("ANTHROPIC_API_KEY=secret"))
    }

    @Test("a login that comes with the environment needs no directory")
    func withoutLogin() {
        var profile = LaunchProfile(path: "/bin/cat", operatorEnvironment: [], loginDirectory: "/home/o/.claude")
        profile.walls = WallPolicy(hiding: [])
        func grants() -> [String] { profile.plan(in: directory, limits: CLILimits()).walls?.grants.map(\.path) ?? [] }
        #expect(grants().contains("/home/o/.claude"))
        profile.operatorEnvironment = ["ANTHROPIC_API_KEY=k"]
        #expect(!grants().isEmpty && !grants().contains("/home/o/.claude"))
        profile.walls = nil
        #expect(profile.plan(in: directory, limits: CLILimits()).walls == nil)
    }

    @Test("files that the operator's environment names are read, but never what is hidden")
    func files() {
        let found = walls(
            WallPolicy(hiding: ["/etc/passwd"]),
            variables: ["NODE_EXTRA_CA_CERTS=/etc/hosts", "SSL_CERT_FILE=/etc/passwd", "A=/", "B=etc"])
        #expect(rights(found, "/etc/hosts") == .read)
        #expect(rights(found, "/etc/passwd") == [])
        #expect(rights(found, "/") == [])
    }

    @Test("the CLI connects to the ports of its vendor, its proxies and its servers")
    func ports() {
        let servers = [MCPServer(name: "a", definition: JSONFragment("{}"), secrets: [], reach: .port(7443))]
        let found = walls(
            WallPolicy(hiding: [], for: servers),
            variables: ["ANTHROPIC_BASE_URL=http://127.0.0.1:8080/v1", "HTTPS_PROXY=proxy:3128", "ANTHROPIC_API_KEY=k:99"])
        #expect(found.ports == [53, 443, 3128, 7443, 8080])
        #expect(walls(WallPolicy(hiding: []), variables: ["AWS_REGION=x"]).ports == [53, 80, 443])
    }

    @Test("programs of servers and scripts may read, run and connect, but write only where it says so")
    func wide() throws {
        let server = MCPServer(name: "a", definition: JSONFragment("{}"), secrets: [])
        let script = Harness.directory() + "/script"
        let file = unsafe open(script, O_CREAT | O_WRONLY, 0o700)
        _ = unsafe write(file, "#!/bin/sh\n", 10)
        close(file)
        for found in [
            walls(WallPolicy(hiding: [], for: [server])), walls(WallPolicy(hiding: []), program: script),
            walls(WallPolicy(running: script, hiding: []), program: script),
        ] {
            #expect(rights(found, "/usr") == [.read, .execute] && rights(found, "/etc") == [.read, .execute])
            // Root reads disks by their devices.
            #expect(rights(found, "/") == [] && rights(found, "/dev") == [])
            #expect(rights(found, "/dev/shm") == [.read, .write] && rights(found, "/dev/null") == [.read, .write])
            #expect(found.ports == nil && found.mayServe)
            #expect(rights(found, "/state/turns/3") == [.read, .write, .execute])
        }
        #expect(rights(walls(WallPolicy(hiding: [], sharing: ["/srv"])), "/srv") == [.read, .write, .execute])
    }

    @Test("what comes to lie beside the gateway's files does not make another policy of one that opens nothing there")
    func unlisted() throws {
        let root = HiddenPlaces.resolved(Harness.directory())
        func policies() -> [WallPolicy] {
            ["/bin/cat", "\(root)/script"].map { WallPolicy(running: $0, hiding: ["\(root)/state"]) }
        }
        let file = unsafe open("\(root)/script", O_CREAT | O_WRONLY, 0o700)
        _ = unsafe write(file, "#!/bin/sh\n", 10)
        close(file)
        let before = policies()
        unsafe mkdir("\(root)/neighbour", 0o700)
        let after = policies()
        #expect(before[0] == after[0] && before[1] != after[1])
    }

    @Test("what is granted around a hidden place is granted piece by piece, without it and without links")
    func hidden() throws {
        let root = HiddenPlaces.resolved(Harness.directory())
        for name in ["a", "b", "b/secret", "b/open", "c"] { unsafe mkdir("\(root)/\(name)", 0o700) }
        unsafe symlink("\(root)/b/secret", "\(root)/link")
        let places = HiddenPlaces(["\(root)/b/secret", "\(root)/b/not-there-yet"])
        let grants = places.grants(root, .read)
        #expect(grants.map(\.path) == ["\(root)/a", "\(root)/b/open", "\(root)/c"])
        #expect(places.grants("\(root)/link", .read).isEmpty, "a link leads to where it leads")
        #expect(places.grants("\(root)/b/secret/deep", .read).isEmpty)
        #expect(places.grants("\(root)/b/secretary", .read).map(\.path) == ["\(root)/b/secretary"])
        let linked = HiddenPlaces(["\(root)/link"])
        #expect(linked.grants("\(root)/b", .read).map(\.path) == ["\(root)/b/open"])
    }

    @Test(
        "the port of an address",
        arguments: [
            ("https://api.example", UInt16?.some(443)), ("http://[::1]/a:9", 80), ("https://u:p@h:8443/x", 8443),
            ("http://[::1]:81", 81), ("socks5h://h", 1080), ("ftp://h:21", nil), ("h:99", nil), ("https://h:99999", 443),
        ])
    func port(address: String, expected: UInt16?) {
        #expect(AddressPort.of(address) == expected)
    }

    @Test("the form of a program is told by how its file begins")
    func forms() {
        #expect(ProgramForm(path: "/nonexistent") == nil)
        func form(_ bytes: [UInt8]) -> ProgramForm? {
            ProgramForm { offset, count in bytes.dropFirst(offset).prefix(count) }
        }
        let magic: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1]
        #expect(form([]) == nil)
        #expect(form(Array("#!/bin/sh\n".utf8)) == .script)
        #expect(form(magic) == .native(loader: nil))
        // Offsets and counts that lead nowhere.
        #expect(form(magic + [UInt8](repeating: 0xFF, count: 8192)) == .native(loader: nil))
        guard case .native(let loader?) = ProgramForm(path: "/bin/cat") else {
            Issue.record("no loader of /bin/cat was found")
            return
        }
        #expect(loader.contains("/ld-"))
    }
}
