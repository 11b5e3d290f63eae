import Glibc
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("How the CLI is started")
struct LaunchProfileTests {
    private let directory = TurnDirectory(slot: 0, path: "/state/turns/0")

    @Test("the environment holds the fixed names and the operator's, and no more")
    func environment() {
        let profile = LaunchProfile(
            path: "/bin/claude", operatorEnvironment: ["HTTPS_PROXY=http://p", "HOME=/evil", "ANTHROPIC_API_KEY=k"],
            loginDirectory: "/home/o/.claude")
        let names = Set(
            profile.environment(in: directory, limits: CLILimits()).map { String($0.prefix { $0 != "=" }) })
        #expect(
            names == [
                "HOME", "PATH", "LANG", "TZ", "SHELL", "TMPDIR", "CLAUDE_CODE_TMPDIR", "CLAUDE_CONFIG_DIR",
                "CLAUDE_CODE_MAX_RETRIES", "CLAUDE_CODE_MAX_TURNS", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
                "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "ENABLE_TOOL_SEARCH", "CLAUDE_AGENT_SDK_MCP_NO_PREFIX",
                "CLAUDE_CODE_MAX_MCP_DESCRIPTION_LENGTH", "DISABLE_AUTO_COMPACT",
                "CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE", "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK",
                "CLAUDE_CODE_DISABLE_REFUSAL_RETRY", "CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK",
                "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP", "CLAUDE_CODE_DISABLE_FILE_MENTIONS",
                "CLAUDE_CODE_DISABLE_THINKING", "CLAUDE_CODE_PROMPT_CACHE_TTL", "CLAUDE_CODE_SILENT_TURN_REMINDER",
                "CLAUDE_CODE_TODO_REMINDER_MODE", "CLAUDE_CODE_DISABLE_ATTACHMENTS", "BUN_GC_TIMER_INTERVAL",
                "CLAUDE_AGENT_SDK_DISABLE_BUILTIN_AGENTS", "HTTPS_PROXY", "ANTHROPIC_API_KEY",
            ])
    }

    @Test(
        "a turn may ask the model once, and once more for each round of a registered server's tools",
        arguments: [(ActiveServers.none, 1), (ActiveServers([], maxRounds: 20), 1), (Self.notes, 21)])
    func messages(servers: ActiveServers, expected: Int) throws {
        let plan = try TurnPlan(answering: Harness.conversation("x"), model: "m", servers: servers)
        #expect(plan.mostMessages == expected)
        let profile = LaunchProfile(
            path: "/c", operatorEnvironment: ["CLAUDE_CODE_MAX_TURNS=9"], loginDirectory: "/nonexistent")
        let found = profile.environment(in: directory, limits: CLILimits(), messages: plan.mostMessages)
            .filter { $0.hasPrefix("CLAUDE_CODE_MAX_TURNS=") }
        #expect(found == ["CLAUDE_CODE_MAX_TURNS=\(expected)"])
    }

    private static let notes = ActiveServers(
        [MCPServer(name: "notes", definition: JSONFragment("{}"), secrets: [])], maxRounds: 20)

    @Test("a credential from the operator means a private configuration, none means the operator's login")
    func login() {
        func configuration(_ environment: [String]) -> String? {
            LaunchProfile(path: "/c", operatorEnvironment: environment, loginDirectory: "/home/o/.claude")
                .environment(in: directory, limits: CLILimits()).first { $0.hasPrefix("CLAUDE_CONFIG_DIR=") }
        }
        #expect(configuration([]) == "CLAUDE_CONFIG_DIR=/home/o/.claude")
        #expect(configuration(["CLAUDE_CONFIG_DIR=/other"]) == "CLAUDE_CONFIG_DIR=/other")
        #expect(configuration(["CLAUDE_CODE_OAUTH_TOKEN=t"]) == "CLAUDE_CONFIG_DIR=/state/turns/0/config")
        #expect(configuration(["ANTHROPIC_API_KEY=k"]) == "CLAUDE_CONFIG_DIR=/state/turns/0/config")
    }

    @Test(
        "cached prefixes live as long as the CLI's own would",
        arguments: [
            (["CLAUDE_CODE_OAUTH_TOKEN=t"], CacheLifetime.oneHour),
            (["ANTHROPIC_API_KEY=k"], .fiveMinutes),
            (["ANTHROPIC_API_KEY=k", "CLAUDE_CODE_OAUTH_TOKEN=t"], .fiveMinutes),
            (["ANTHROPIC_API_KEY=k", "ENABLE_PROMPT_CACHING_1H=1"], .oneHour),
            (["CLAUDE_CODE_OAUTH_TOKEN=t", "CLAUDE_CODE_PROMPT_CACHE_TTL=5m"], .fiveMinutes),
            (["CLAUDE_CODE_OAUTH_TOKEN=t", "CLAUDE_CODE_PROMPT_CACHE_TTL=2d"], .off),
            (["CLAUDE_CODE_OAUTH_TOKEN=t", "DISABLE_PROMPT_CACHING_HAIKU=1"], .off),
            (["CLAUDE_CODE_OAUTH_TOKEN=t", "FORCE_PROMPT_CACHING_5M=1"], .off),
            ([], .fiveMinutes),
        ])
    func cacheLifetime(environment: [String], expected: CacheLifetime) {
        let profile = LaunchProfile(
            path: "/c", operatorEnvironment: environment, loginDirectory: "/nonexistent")
        #expect(profile.cacheLifetime == expected)
        let told = profile.environment(in: directory, limits: CLILimits()).filter {
            $0.hasPrefix("CLAUDE_CODE_PROMPT_CACHE_TTL=")
        }
        #expect(told.count <= 1)
        if let value = ["CLAUDE_CODE_PROMPT_CACHE_TTL=5m", "CLAUDE_CODE_PROMPT_CACHE_TTL=1h"].first(where: told.contains) {
            #expect(value.hasSuffix(expected == .oneHour ? "1h" : "5m"))
        } else {
            #expect(expected == .off)
        }
    }

    @Test("a directory with a subscription's login has its prefixes kept for an hour")
    func subscription() {
        let login = Harness.directory()
        touch(login + "/.credentials.json")
        let profile = LaunchProfile(path: "/c", operatorEnvironment: [], loginDirectory: login)
        #expect(profile.cacheLifetime == .oneHour)
    }

    @Test("directories are handed out lowest first and empty, and links are not followed")
    func directories() throws {
        let state = Harness.directory()
        unsafe mkdir(state + "/turns", 0o700)
        unsafe mkdir(state + "/turns/7", 0o700)
        unsafe mkdir(state + "/precious", 0o700)
        unsafe symlink(state + "/precious", state + "/turns/link")
        touch(state + "/precious/file")
        touch(state + "/turns/7/stale")
        let directories = try TurnDirectories(state: state)
        #expect(unsafe access(state + "/turns/7", F_OK) != 0)
        #expect(unsafe access(state + "/precious/file", F_OK) == 0)
        let first = try directories.take()
        let second = try directories.take()
        #expect([first.slot, second.slot] == [0, 1])
        unsafe mkdir(first.configuration + "/a", 0o700)
        touch(first.configuration + "/a/b")
        touch(first.path + "/.claude.json")
        unsafe rmdir(first.temporary)
        unsafe symlink(state + "/precious", first.temporary)
        directories.release(first)
        #expect(try directories.take() == first)
        for path in ["/config/a", "/.claude.json"] {
            #expect(unsafe access(first.path + path, F_OK) != 0)
        }
        #expect(unsafe access(state + "/precious/file", F_OK) == 0)
        var status = stat()
        unsafe lstat(first.temporary, &status)
        #expect(status.st_mode == S_IFDIR | 0o700)
    }

    private func touch(_ path: String) {
        let number = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
        close(number)
    }
}
