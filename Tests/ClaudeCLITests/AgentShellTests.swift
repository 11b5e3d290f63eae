import Glibc
import Platform
import TestSupport
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("The shell of a workspace, and what bounds it")
struct AgentShellTests {
    private let directory = TurnDirectory(slot: 3, path: "/state/turns/3", working: "/state/work")

    private func workspace(_ tools: Set<AgentTool> = [.read, .bash]) -> Workspace {
        Workspace(name: "w", directory: "/srv/w", tools: tools)
    }

    private func rights(_ walls: Walls, _ path: String) -> Walls.Rights {
        walls.grants.filter { $0.path == path }.reduce([]) { $0.union($1.rights) }
    }

    private func walls(_ policy: WallPolicy, _ variables: [String] = []) -> Walls {
        policy.walls(
            running: "/bin/cat", in: directory, login: nil, variables: variables, workspace: workspace(),
            shell: ["/usr/bin/portcullis"])
    }

    @Test("the CLI's walls end at the workspace and hold what its shell needs, but nothing of the operator's")
    func policy() {
        let found = walls(WallPolicy(hiding: ["/state", "/usr/share/secret"], sharing: ["/opt/shared"], isRelayed: true))
        #expect(rights(found, "/srv/w") == [.read, .write, .execute])
        #expect(rights(found, "/state/turns/3/shell").contains(.execute))
        #expect(rights(found, "/usr/bin/portcullis") == [.read, .execute])
        #expect(rights(found, "/opt/shared").isEmpty && !found.maySend && found.calls == .agent)
        let closed = ["/", "/etc", "/root", "/home", "/tmp", "/proc", "/state", "/dev", "/var", "/srv", "/opt"]
        #expect(found.grants.allSatisfy { !closed.contains($0.path) })
    }

    @Test("the egress proxy's port is open beside the one that stands for the vendor")
    func ports() {
        let variables = ["ANTHROPIC_BASE_URL=http://127.0.0.1:4711", "HTTPS_PROXY=http://run:token@127.0.0.1:4712"]
        #expect(walls(WallPolicy(hiding: [], isRelayed: true), variables).ports == [4711, 4712])
        #expect(walls(WallPolicy(hiding: [], isRelayed: true), Array(variables.prefix(1))).ports == [4711])
    }

    @Test("what the shell is told comes to what it was told, and without a part of it there is none")
    func variables() throws {
        let scratch = try Scratch()
        let shell = try AgentShell(state: scratch.path, program: "/bin/true")
        #expect(shell.path.hasSuffix("/shell/bash") && shell.files.count > 1)
        let proxy = "http://run:token@127.0.0.1:4712"
        let told = shell.variables(for: workspace(), in: directory, cli: "/bin/cat", proxy: proxy, confinement: .namespaces)
        #expect(told.contains("CLAUDE_CODE_SHELL=\(shell.path)") && told.contains("HTTPS_PROXY=\(proxy)"))
        var pairs: [String: String] = [:]
        for pair in told { pairs[String(pair.prefix { $0 != "=" })] = String(pair.drop { $0 != "=" }.dropFirst()) }
        let read = try #require(ShellVariables(pairs))
        #expect(read.workspace == "/srv/w" && read.room == "/state/turns/3/shell" && read.proxy == proxy)
        #expect(read.mostProcesses.map { $0 > workspace().bounds.processes && $0 < workspace().bounds.processes + 64 } == true)
        #expect(AgentConfinement.group(isApart: false).tasksOfShell(in: workspace()) == nil)
        #expect(read.largestProcess == workspace().bounds.memoryBytes && read.largestFile == workspace().bounds.diskBytes / 8 * 7)
        for name in ["WORKSPACE", "ROOM", "NOTES", "SNAPSHOTS", "CLI", "FILE_BYTES"] {
            var fewer = pairs
            fewer["PORTCULLIS_SHELL_\(name)"] = nil
            #expect(ShellVariables(fewer) == nil, "\(name)")
            fewer["PORTCULLIS_SHELL_\(name)"] = name == "FILE_BYTES" ? "-1" : "relative"
            #expect(ShellVariables(fewer) == nil, "\(name)")
        }
        pairs["PORTCULLIS_SHELL_PROCESS_BYTES"] = "much"
        #expect(ShellVariables(pairs) == nil)
    }

    @Test("a shell's own environment and walls hold nothing of the CLI's")
    func plan() {
        var told = ShellVariables(
            workspace: "/srv/w", room: "/room", notes: "/notes", snapshots: "/config/shell-snapshots", cli: "/bin/cat",
            largestFile: 1 << 20)
        let offline = AgentShellProgram.plan(told, shell: "/bin/bash", arguments: ["/state/shell/bash", "-c", "true"])
        #expect(offline.arguments == ["bash", "-c", "true"] && offline.port == nil && offline.walls.calls == .offlineShell)
        #expect(offline.environment.allSatisfy { !$0.contains("PROXY") && !$0.contains("ANTHROPIC") && !$0.contains("PORTCULLIS") })
        #expect(rights(offline.walls, "/notes") == .add && rights(offline.walls, "/config").isEmpty)
        #expect(offline.walls.ports == [] && offline.walls.largestFile == 1 << 20)
        told.proxy = "http://run:token@127.0.0.1:4712"
        let online = AgentShellProgram.plan(told, shell: "/bin/bash", arguments: ["bash"])
        #expect(online.port == 4712 && online.walls.calls == .onlineShell && online.walls.ports == [4712])
        #expect(online.environment.contains("https_proxy=http://run:token@127.0.0.1:4712"))
    }

    private func confinement(
        apart: (Bool, Bool) = (true, true), groups: Set<GroupController>? = nil, isRoot: Bool = false, landlock: Int = 7,
        judge: JudgeKernel = .judges
    ) -> AgentConfinement {
        .of(
            ApartKernel(isApart: apart.0, hasOwnProc: true, boundsTasks: apart.1), groups: groups, isRoot: isRoot,
            walls: WallKernel(landlock: landlock, filtersCalls: true), judge: judge)
    }

    @Test("a run is bounded by a group, or by namespaces, or a workspace with Bash is refused and it is said why")
    func confinements() {
        #expect(confinement(groups: [.memory, .tasks]) == .group(isApart: true))
        #expect(confinement(apart: (false, false), groups: [.memory, .tasks]) == .group(isApart: false))
        #expect(confinement() == .namespaces)
        let none = [
            confinement(apart: (false, false)), confinement(apart: (true, false), isRoot: true), confinement(landlock: 0),
            confinement(apart: (false, false), groups: [.tasks], landlock: 2), confinement(apart: (false, false), groups: [.memory]),
            confinement(groups: [.memory, .tasks], judge: .lacks("the call pidfd_getfd")), confinement(judge: .lacks("the call pidfd_getfd")),
        ]
        for each in none {
            #expect(each.objection(to: workspace())?.hasPrefix("w: Bash cannot be bounded: ") == true)
            #expect(each.objection(to: workspace([.read, .write])) == nil)
        }
    }

    @Test("a run's plan has the workspace's bounds, and room for the CLI itself")
    func bounds() {
        var plan = SpawnPlan(path: "/bin/cat", arguments: ["cat"], workingDirectory: "/")
        AgentConfinement.namespaces.bound(&plan, to: workspace())
        #expect(plan.isApart && plan.mostTasks == workspace().bounds.processes + 64)
        #expect(plan.bounds.tasks == plan.mostTasks)
        #expect(plan.bounds.memoryBytes ?? 0 > workspace().bounds.memoryBytes)
        #expect(plan.bounds.processorWeight == 20, "of the processors it has less than an ordinary turn")
        AgentConfinement.namespaces.bound(&plan, to: workspace([.read, .write]))
        #expect(plan.bounds.processorWeight == nil, "which starts no programs")
    }

    @Test("a process waits for the conversation to go on where nothing that its commands have left waits with it")
    func waiting() {
        let (old, new) = (WallKernel(landlock: 5, filtersCalls: true), WallKernel(landlock: 6, filtersCalls: true))
        let reads = AgentRun(in: Workspace(name: "w", directory: "/w", tools: [.read, .grep]))
        let runs = AgentRun(in: Workspace(name: "w", directory: "/w", tools: [.read, .bash]))
        #expect(reads.mayWait(on: old) && reads.mayWait(on: new))
        #expect(!runs.mayWait(on: old) && runs.mayWait(on: new))
    }
}
