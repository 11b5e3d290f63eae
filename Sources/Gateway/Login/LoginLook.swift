import ClaudeCLI
import Platform
import Vocabulary

/// How the login is looked at: by the CLI's own word, and by who may use its files.
enum LoginLook {
    /// Looks at the login of a CLI of that version, whose variables are kept in `file`; call on `loop`. It takes some 0.3 seconds, and none at all where the
    /// operator gives a credential.
    static func look(
        _ profile: LaunchProfile, of file: String = "CLI_ENV_FILE", version: String, stateDirectory: String,
        as user: ServiceUser = .current(), after trouble: LoginTrouble? = nil, on loop: EventLoop
    ) async -> LoginState {
        let environment = CLIEnvironment(profile.operatorEnvironment, configDirectory: profile.loginDirectory)
        let command = LoginCommand(
            user: user, directory: profile.loginDirectory, stateDirectory: stateDirectory, program: profile.path)
        var facts = LoginFacts(
            login: environment.login, environment: profile.operatorEnvironment, trouble: trouble, user: user,
            command: command, file: file, now: WallClock.unixSeconds)
        guard case .directory(let directory) = environment.login, LoginStatus.isTold(by: version) else {
            return facts.state
        }
        let files = LoginFiles(directory: directory)
        facts.readingObstacle = files.readingObstacle
        facts.hasDirectory = files.exists || environment.mayHoldAnotherLogin
        // A directory that cannot be entered costs the CLI five seconds, and one that is not there it would make.
        if files.exists, facts.readingObstacle?.verb != "enter" {
            facts.status = await LoginStatus.of(profile, on: loop)
            facts.writingObstacle = files.writingObstacle
        }
        return facts.state
    }
}
