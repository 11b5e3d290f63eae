import ClaudeCLI
import Glibc
import Testing
import Vocabulary

@testable import Gateway

private let service = ServiceUser(
    uid: 998, gid: 997, name: "portcullis", home: "/var/lib/portcullis", canLogIn: false)
private let person = ServiceUser(uid: 1000, gid: 1000, name: "alice", home: "/home/alice", canLogIn: true)
private let state = "/var/lib/portcullis"
private let directory = "/var/lib/portcullis/claude"

private func command(
    _ user: ServiceUser, _ directory: String = directory, program: String = "/usr/local/bin/claude"
) -> String {
    LoginCommand(user: user, directory: directory, stateDirectory: state, program: program).text
}

@Suite("The command that logs the CLI in")
struct LoginCommandTests {
    @Test("of a service's user it is root's to run")
    func ofService() {
        let text =
            "runuser -u portcullis -- env HOME=/var/lib/portcullis CLAUDE_CONFIG_DIR=/var/lib/portcullis/claude "
            + "/usr/local/bin/claude auth login"
        #expect(command(service) == text)
    }

    @Test("of a person it is their own to run, and names the directory only where it is not theirs by default")
    func own() {
        #expect(command(person, "/home/alice/.claude") == "/usr/local/bin/claude auth login")
        #expect(command(person, "/srv/login") == "env CLAUDE_CONFIG_DIR=/srv/login /usr/local/bin/claude auth login")
    }

    @Test("of root it needs no other user, and of a number without a name it is still one")
    func rootAndNumbers() {
        let root = ServiceUser(uid: 0, gid: 0, name: "root", home: "/root", canLogIn: true)
        #expect(command(root, "/root/.claude") == "/usr/local/bin/claude auth login")
        let nameless = ServiceUser(uid: 4711, gid: 12, name: nil, home: nil, canLogIn: false)
        #expect(
            command(nameless)
                == "setpriv --reuid=4711 --regid=12 --clear-groups -- env HOME=/var/lib/portcullis "
                + "CLAUDE_CONFIG_DIR=/var/lib/portcullis/claude /usr/local/bin/claude auth login")
    }

    @Test("a shell reads the words as they are", arguments: ["plain", "a b", "it's", "$HOME;`id`", "*", "", "tab\tnew\nline'\\", "ä"])
    func quoting(word: String) throws {
        let quoted = LoginCommand.quoted(word)
        #expect(!quoted.contains("\n"))
        let scratch = try Scratch()
        let script = try scratch.write("script", "printf %s \(quoted) > '\(scratch.path)/out'\n")
        let verdict = unsafe system("umask 022; bash '\(script)'")
        try #require(verdict == 0)
        let bytes = try SecretFile.read("\(scratch.path)/out", .readableByAll, maximumBytes: 100).copy
        #expect(String(decoding: bytes, as: UTF8.self) == word)
    }
}

@Suite("The state of the login")
struct LoginStateTests {
    private static let now = 1_795_824_000
    private static let end = "run `\(command(service))`, or set CLAUDE_CODE_OAUTH_TOKEN (made by `claude setup-token`) in CLI_ENV_FILE"

    private func facts(_ change: (inout LoginFacts) -> Void = { _ in }) -> LoginState {
        var facts = LoginFacts(
            login: .directory(directory), user: service,
            command: LoginCommand(
                user: service, directory: directory, stateDirectory: state, program: "/usr/local/bin/claude"),
            now: Self.now)
        change(&facts)
        return facts.state
    }

    private func told(_ status: LoginStatus?, _ trouble: LoginTrouble? = nil) -> LoginState {
        facts {
            $0.status = status
            $0.trouble = trouble
        }
    }

    @Test("a login without an end, and one that lasts for weeks, is no matter for anybody")
    func good() {
        for end in [nil, Self.now + 8 * 86_400] {
            let state = told(LoginStatus(isLoggedIn: true, expiresAt: end, isRenewed: true))
            #expect(state.word == .ok && state.problem == nil)
        }
    }

    @Test("one that ends within a week, or has ended, is told with the day and the command")
    func expiry() {
        let soon = told(LoginStatus(isLoggedIn: true, expiresAt: Self.now + 86_400))
        #expect(soon.word == .expires && soon.problem == "the CLI's login expires on 2026-11-29: \(Self.end)")
        let over = told(LoginStatus(isLoggedIn: true, expiresAt: Self.now - 86_400))
        #expect(over.word == .expired && over.problem == "the CLI's login has expired on 2026-11-27: \(Self.end)")
    }

    @Test("no login is told with the command, to clients as well")
    func missing() {
        let state = told(LoginStatus(isLoggedIn: false))
        #expect(state.word == .missing && state.problem == "the CLI is not logged in: \(Self.end)")
        #expect(state.remedyOfMissing == Self.end)
        #expect(facts { $0.hasDirectory = false }.word == .missing)
    }

    @Test("a CLI that says nothing raises no alarm until a turn finds no login")
    func silence() {
        #expect(told(nil).word == .unknown && told(nil).problem == nil)
        #expect(told(nil, .missing).word == .missing)
        #expect(told(nil, .refused).word == .refused)
    }

    @Test("what turns meet counts where the CLI does not know better")
    func troubles() {
        let good = LoginStatus(isLoggedIn: true)
        #expect(told(good, .refused).word == .refused)
        #expect(told(good, .refused).problem == "the vendor refuses the CLI's login: \(Self.end)")
        #expect(told(good, .missing).word == .ok)
        #expect(told(LoginStatus(isLoggedIn: false), .refused).word == .missing)
    }

    @Test("a file that is root's is named with its owner, and given away")
    func unreadable() {
        let state = facts {
            $0.status = LoginStatus(isLoggedIn: false)
            $0.readingObstacle = .init(path: directory + "/.credentials.json", owner: 0, verb: "read")
        }
        #expect(state.word == .unreadable)
        #expect(
            state.problem
                == "/var/lib/portcullis/claude/.credentials.json belongs to root and portcullis may not read it, so the CLI "
                + "has no login: run `chown -R portcullis: /var/lib/portcullis/claude`")
        #expect(state.remedyOfMissing == "run `chown -R portcullis: /var/lib/portcullis/claude`")
    }

    @Test("a directory that is somebody else's stays theirs")
    func foreign() {
        for obstacle in [
            LoginFiles.Obstacle(path: "/root", owner: 0, verb: "enter", isAbove: true),
            LoginFiles.Obstacle(path: directory, owner: 4711, verb: "enter"),
        ] {
            let state = facts { $0.readingObstacle = obstacle }
            #expect(state.word == .unreadable && state.problem?.contains("chown") == false)
            #expect(state.problem?.contains("let CLAUDE_CONFIG_DIR name a directory of portcullis's own") == true)
        }
    }

    @Test("a login that works is not judged by who may read what")
    func worksAnyway() {
        let state = facts {
            $0.status = LoginStatus(isLoggedIn: true)
            $0.readingObstacle = .init(path: directory + "/.claude.json", owner: 0, verb: "read")
            $0.writingObstacle = .init(path: directory, owner: 0, verb: "write")
        }
        #expect(state.word == .ok)
    }

    @Test("a subscription's login that cannot be renewed where it is kept is told")
    func unwritable() {
        let state = facts {
            $0.status = LoginStatus(isLoggedIn: true, isRenewed: true)
            $0.writingObstacle = .init(path: directory, owner: 0, verb: "write")
        }
        #expect(state.word == .unwritable && state.problem?.hasSuffix("run `chown -R portcullis: \(directory)`") == true)
    }

    private func given(_ variables: [String], _ trouble: LoginTrouble? = nil) -> LoginState {
        facts {
            $0.login = CLIEnvironment(variables, configDirectory: directory).login
            $0.environment = variables
            $0.trouble = trouble
        }
    }

    @Test(
        "a credential of the right kind is taken as it is, and so is whatever goes elsewhere than to the vendor",
        arguments: [
            ["ANTHROPIC_API_KEY=sk-ant-api03-x"], ["ANTHROPIC_API_KEY=anything"], ["ANTHROPIC_AUTH_TOKEN=x"],
            ["CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-x"], ["CLAUDE_CODE_OAUTH_TOKEN=none"], ["CLAUDE_CODE_USE_BEDROCK=1"],
            ["CLAUDE_CODE_USE_MANTLE=1"], ["ANTHROPIC_API_KEY=sk-ant-oat01-x", "ANTHROPIC_BASE_URL=http://127.0.0.1:9"],
            ["CLAUDE_CODE_OAUTH_TOKEN=sk-ant-api03-x", "ANTHROPIC_AUTH_TOKEN=x"],
        ])
    func givenRight(variables: [String]) {
        #expect(given(variables).word == .ok && given(variables).problem == nil)
    }

    @Test(
        "one that is obviously of another kind is told with its true name, never with its value",
        arguments: [
            (["ANTHROPIC_API_KEY=sk-ant-oat01-hush"], "name it CLAUDE_CODE_OAUTH_TOKEN"),
            (["ANTHROPIC_API_KEY=sk-ant-admin01-hush"], "set one"),
            (["CLAUDE_CODE_OAUTH_TOKEN=sk-ant-api03-hush"], "name it ANTHROPIC_API_KEY"),
            (["CLAUDE_CODE_OAUTH_TOKEN=sk-ant-ort01-hush"], "set the one that `claude setup-token` prints"),
            (
                ["CLAUDE_CODE_OAUTH_REFRESH_TOKEN=sk-ant-ort01-hush"],
                "set CLAUDE_CODE_OAUTH_TOKEN (made by `claude setup-token`) in CLI_ENV_FILE"
            ),
        ])
    func givenWrong(variables: [String], remedy: String) {
        let state = given(variables)
        #expect(state.word == .wrong && state.problem?.hasSuffix(": " + remedy) == true)
        #expect(state.problem?.contains("hush") == false && state.remedyOfRefused == remedy)
    }

    @Test("one that the vendor refuses is to be renewed where it stands")
    func givenRefused() {
        let token = given(["CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-x"], .refused)
        #expect(token.word == .refused)
        #expect(token.remedyOfRefused == "renew CLAUDE_CODE_OAUTH_TOKEN in CLI_ENV_FILE with `claude setup-token`")
        #expect(given(["ANTHROPIC_API_KEY=x"], .refused).remedyOfRefused == "renew ANTHROPIC_API_KEY in CLI_ENV_FILE")
        #expect(given(["CLAUDE_CODE_USE_BEDROCK=0"], .missing).word == .missing)
    }
}

@Suite("The files of the login")
struct LoginFilesTests {
    @Test("what may not be read or entered is told with its owner", .enabled(if: geteuid() != 0, "root may do all"))
    func obstacles() throws {
        let scratch = try Scratch()
        let (files, owner) = (LoginFiles(directory: scratch.path), geteuid())
        let file = try scratch.write(".credentials.json", "{}", mode: 0)
        #expect(files.readingObstacle == .init(path: file, owner: owner, verb: "read"))
        _ = unsafe chmod(scratch.path, 0o500)
        #expect(files.writingObstacle == .init(path: scratch.path, owner: owner, verb: "write"))
        _ = unsafe chmod(scratch.path, 0)
        #expect(files.readingObstacle == .init(path: scratch.path, owner: owner, verb: "enter"))
        let below = LoginFiles(directory: scratch.path + "/claude")
        #expect(below.readingObstacle == .init(path: scratch.path, owner: owner, verb: "enter", isAbove: true))
        _ = unsafe chmod(scratch.path, 0o700)
    }

    @Test("what is not there, or is one's own, hinders nobody")
    func free() throws {
        let scratch = try Scratch()
        let missing = LoginFiles(directory: scratch.path + "/claude")
        #expect(missing.readingObstacle == nil && missing.writingObstacle == nil && !missing.exists)
        _ = try scratch.write(".credentials.json", "{}")
        let files = LoginFiles(directory: scratch.path)
        #expect(files.readingObstacle == nil && files.writingObstacle == nil && files.exists)
    }

    @Test("a login that is made, replaced or given away changes the mark, and a look does not")
    func marks() throws {
        let scratch = try Scratch()
        let files = LoginFiles(directory: scratch.path)
        var marks = [files.mark(withState: true)]
        let file = try scratch.write(".credentials.json", "{}")
        marks.append(files.mark(withState: true))
        _ = try scratch.write(".credentials.json", "{\"claudeAiOauth\":{}}")
        marks.append(files.mark(withState: true))
        _ = unsafe remove(file)
        let bare = files.mark(withState: false)
        _ = try scratch.write(".claude.json", "{}")
        #expect(files.mark(withState: false) == bare)
        marks.append(files.mark(withState: true))
        #expect(files.mark(withState: true) == files.mark(withState: true))
        for (index, mark) in marks.enumerated() { #expect(!marks[..<index].contains(mark)) }
    }
}

@Suite("What loops share of the login")
struct LoginBoardTests {
    @Test("trouble asks for a look and lasts until a turn is answered or a reload")
    func trouble() {
        let board = LoginBoard()
        #expect(board.word == .unknown && board.takeWish() && !board.takeWish())
        board.hearSuccess()
        #expect(!board.takeWish())
        board.hear(.refused)
        #expect(board.trouble == .refused && board.takeWish())
        board.hearSuccess()
        #expect(board.trouble == nil && board.takeWish())
        board.hear(.missing)
        board.lookAnew()
        #expect(board.trouble == nil && board.takeWish())
    }
}

@Suite("Credentials with a wrong name")
struct CredentialNameTests {
    @Test(
        "a name that is nearly a credential's is told with it",
        arguments: [
            ("ANTHROPIC_APIKEY", "ANTHROPIC_API_KEY"), ("anthropic_api_key", "ANTHROPIC_API_KEY"),
            ("ANTROPIC_API_KEY", "ANTHROPIC_API_KEY"), ("ANTHROPIC_API_KYE", "ANTHROPIC_API_KEY"),
            ("CLAUDE_CODE_OAUTH_TOKENS", "CLAUDE_CODE_OAUTH_TOKEN"), ("ANTHROPIC_API_KEY", nil),
            ("ANTHROPIC_BASE_URL", nil), ("HTTPS_PROXY", nil), ("ANTHROPIC_MODEL", nil), ("CLAUDE_CODE_USE_MANTLE", nil),
        ])
    func names(name: String, meant: String?) {
        #expect(CLIEnvironmentFile.credential(meantBy: name) == meant)
    }
}
