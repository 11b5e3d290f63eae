import ClaudeCLI
import Ledger
import Platform
import TestSupport
import Testing

@testable import Gateway

@Suite("Several logins of the CLI")
struct AccountTests {
    private static func account(_ name: String, _ credential: String = "x", after old: Account? = nil) throws -> Account {
        let scratch = try Scratch()
        let profile = LaunchProfile(
            path: "/bin/true", operatorEnvironment: ["ANTHROPIC_API_KEY=\(credential)"], loginDirectory: "/nonexistent")
        return Account(
            name, supply: CLISupply(profile, limits: CLILimits(), directories: try TurnDirectories(state: scratch.path)),
            after: old)
    }

    @Test("a key has the accounts that it names, in that order, and else the usual ones")
    func order() throws {
        let names = ["default", "work", "home"]
        let all = try names.map { try Self.account($0) }
        let accounts = Accounts(all[0], Array(all.dropFirst()), usual: ["home", "default"])
        #expect(accounts.of(nil).map(\.name) == ["home", "default"])
        #expect(accounts.of(try KeyOptions(words: ["account=work,home"])).map(\.name) == ["work", "home"])
        // One that is gone is passed over, and never served by a login that the key does not name.
        #expect(accounts.of(try KeyOptions(words: ["account=gone,home"])).map(\.name) == ["home"])
        #expect(accounts.of(try KeyOptions(words: ["account=gone"])).isEmpty)
        #expect(accounts.areSeveral && accounts.watched.count == 3)
        // A standard login that nobody uses need not be there.
        let others = Accounts(all[0], [all[1]], usual: ["work"])
        #expect(others.watched.map(\.name) == ["work"])
        // A key that names it does.
        all[0].noteUse(at: Instant(nanoseconds: 1))
        #expect(others.watched.map(\.name) == ["default", "work"])
    }

    @Test("the login is as good as the first one that lets turns be answered")
    func login() throws {
        let (first, second) = (try Self.account("a"), try Self.account("b"))
        let accounts = Accounts(try Self.account("default"), [first, second], usual: ["a", "b"])
        first.login.show(.expired)
        second.login.show(.expires)
        #expect(accounts.login == .expires)
        second.login.show(.missing)
        #expect(accounts.login == .expired)
    }

    @Test("what is known of an account survives a reload as long as its login is the same")
    func reload() throws {
        let old = try Self.account("work")
        old.noteUse(at: Instant(nanoseconds: 1_000_000_000))
        let same = try Self.account("work", after: old)
        #expect(same.quota === old.quota && same.login === old.login)
        #expect(same.isInUse(at: Instant(nanoseconds: 2_000_000_000)))
        let other = try Self.account("work", "y", after: old)
        #expect(other.quota !== old.quota && other.login !== old.login)
        #expect(!other.isInUse(at: Instant(nanoseconds: 2_000_000_000)))
        #expect(!old.isInUse(at: Instant(nanoseconds: 1_000_000_000_000)))
    }

    @Test("an account's file holds a login of its own, and takes over what says how the network is reached")
    func environment() throws {
        let scratch = try Scratch()
        let standard = CLIEnvironment(
            variables: [
                ("ANTHROPIC_API_KEY", "standard"), ("ANTHROPIC_BASE_URL", "http://standard"), ("https_proxy", "p"),
                ("NODE_EXTRA_CA_CERTS", "/c"),
            ], configDirectory: "/standard")
        func load(_ text: String) throws -> CLIEnvironment {
            let path = try scratch.write("account.env", text, mode: 0o600)
            return try CLIEnvironment.load(AccountSettings.Place(name: "a", path: path), beside: standard)
        }
        let token = try load("CLAUDE_CODE_OAUTH_TOKEN=t\nNODE_EXTRA_CA_CERTS=/own\n")
        #expect(token.login == .oauthToken)
        #expect(token.variables.map { "\($0.name)=\($0.value)" }
            == ["https_proxy=p", "CLAUDE_CODE_OAUTH_TOKEN=t", "NODE_EXTRA_CA_CERTS=/own"])
        let directory = try load("CLAUDE_CONFIG_DIR=/theirs\n")
        #expect(directory.login == .directory("/theirs") && directory.configDirectory == "/theirs")
        #expect(!directory.variables.contains { $0.name == "CLAUDE_CONFIG_DIR" })
        #expect(try load("CLAUDE_CODE_USE_BEDROCK=1\nAWS_REGION=x\n").login == .cloud(variable: "CLAUDE_CODE_USE_BEDROCK"))
        for text in ["HTTPS_PROXY=p\n", "CLAUDE_CONFIG_DIR=theirs\n", "HOME=/x\n", ""] {
            #expect(throws: ConfigurationFaults.self) { try load(text) }
        }
        // A directory that somebody logged in is one as it is.
        let place = AccountSettings.Place(name: "b", path: scratch.path)
        #expect(try CLIEnvironment.load(place, beside: standard).login == .directory(scratch.path))
    }

    @Test("costs are told apart by account, key and hour, and forgotten when no window reaches back so far")
    func costs() {
        let (costs, alice, bob) = (AccountCosts(), KeyID(named: "alice"), KeyID(named: "bob"))
        costs.add(5, of: alice, in: "work", hour: 1000)
        costs.add(7, of: alice, in: "home", hour: 1000)
        costs.add(11, of: bob, in: "work", hour: 1002)
        let (start, end) = (1000 * 3600, 1002 * 3600 + 59)
        #expect(costs.cost(in: "work", since: start, now: end) == 16)
        #expect(costs.cost(of: alice, in: "work", since: start, now: end) == 5)
        #expect(costs.cost(of: alice, in: "work", since: start + 3600, now: end) == 0)
        #expect(costs.cost(of: bob, in: "home", since: start, now: end) == 0)
        costs.add(1, of: bob, in: "work", hour: 1001 + AccountCosts.keptHours)
        #expect(costs.cost(in: "work", since: 0, now: end) == 11)
        #expect(costs.cost(of: alice, in: "home", since: 0, now: end) == 0)
        // A clock that was set back counts in its own hours.
        costs.add(3, of: bob, in: "work", hour: 1002)
        #expect(costs.cost(in: "work", since: start, now: end) == 14)
    }
}
