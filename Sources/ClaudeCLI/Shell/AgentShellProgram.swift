import Glibc
import Platform

/// What this program is where the CLI calls it as its shell: `bash`, in walls of its own, with an environment made from
/// nothing.
public enum AgentShellProgram {
    /// True for the name by which the CLI calls it.
    public static func isCalled(_ name: String) -> Bool { name == "bash" || name.hasSuffix("/bash") }

    /// Runs the shell with `arguments`, the first being its name: its exit code.
    ///
    /// Fails closed: without all that it must be told, or on a kernel that builds no walls, there is no shell.
    public static func run(_ arguments: [String], environment: [String: String]) -> Int32 {
        guard let variables = ShellVariables(environment) else { return refuse("it is not told where it may work") }
        guard WallKernel.current.isSound else { return refuse("this kernel builds no walls") }
        guard let shell = shells.first(where: { unsafe access($0, X_OK) == 0 }) else { return refuse("there is no bash") }
        for part in ["/home", "/tmp"] { _ = unsafe mkdir(variables.room + part, 0o700) }
        _ = unsafe mkdir(variables.snapshots, 0o700)
        do throws(SystemError) {
            return try plan(variables, shell: shell, arguments: arguments).run()
        } catch {
            return refuse(error.description)
        }
    }

    /// The shell of `variables`.
    static func plan(_ variables: ShellVariables, shell: String, arguments: [String]) -> WalledShell {
        var plan = WalledShell(
            path: shell, arguments: ["bash"] + arguments.dropFirst(), environment: environment(variables),
            walls: walls(variables))
        plan.places = [variables.workspace, variables.room].map(HiddenPlaces.resolved)
        plan.port = variables.proxy.flatMap { AddressPort.of($0) }
        return plan
    }

    private static let shells = ["/bin/bash", "/usr/bin/bash", "/run/current-system/sw/bin/bash"]

    /// Nothing of the CLI's own: no credential, no address of the vendor, no name of a directory that is none of its
    /// business.
    private static func environment(_ variables: ShellVariables) -> [String] {
        let home = variables.room + "/home"
        var environment = [
            "HOME=\(home)", "TMPDIR=\(variables.room)/tmp", "LANG=C.UTF-8", "TERM=dumb", "TZ=UTC", "SHELL=/bin/bash",
            "PATH=\(home)/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
            // Nobody is there to be asked.
            "GIT_EDITOR=true", "GIT_TERMINAL_PROMPT=0", "DEBIAN_FRONTEND=noninteractive", "PAGER=cat", "GIT_PAGER=cat",
            // The operator's own configuration of it may hold credentials.
            "GIT_CONFIG_NOSYSTEM=1",
            "CLAUDECODE=1", "COREPACK_ENABLE_AUTO_PIN=0",
        ]
        if let proxy = variables.proxy {
            environment += ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"].map { "\($0)=\(proxy)" }
        }
        return environment
    }

    private static func walls(_ variables: ShellVariables) -> Walls {
        var walls = Walls(WallPolicy.devices, ports: variables.proxy.flatMap { AddressPort.of($0) }.map { [$0] } ?? [])
        walls.calls = variables.proxy == nil ? .offlineShell : .onlineShell
        walls.grants += WallPolicy.read.map { Walls.Grant($0, .read) } + AgentPlaces.grants(hiding: HiddenPlaces([]))
        walls.grants += [
            Walls.Grant(variables.workspace, [.read, .write, .execute], isNeeded: true),
            Walls.Grant(variables.room, [.read, .write, .execute], isNeeded: true),
            // Where it may leave a note, but change nothing of what the CLI keeps there.
            Walls.Grant(variables.notes, .add), Walls.Grant(variables.snapshots, [.read, .write]),
            Walls.Grant(variables.cli, [.read, .execute]),
        ]
        walls.largestFile = variables.largestFile
        walls.largestProcess = variables.largestProcess
        walls.mostProcesses = variables.mostProcesses
        return walls
    }

    private static func refuse(_ reason: String) -> Int32 {
        let line = Array("portcullis: no shell: \(reason)\n".utf8)
        _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
        return 126
    }
}
