import HTTP
import Server
import Vocabulary

/// A prepared answer to `GET /health`: whether the service lives and how busy it is.
///
/// Monitors and balancers ask far more often than the answer changes, so only the identifier is new each time.
struct HealthAnswer {
    private let uptime: Int
    private let running: Int
    private let waiting: Int
    /// The generation of what is told.
    private let generation: Int
    private let login: LoginState.Word
    private let prepared: Response

    /// No answer yet.
    init() { self.init(uptime: -1, running: 0, waiting: 0, cli: TriedCLI(file: nil, version: "", selfTest: .off)) }

    init(
        uptime: Int, running: Int, waiting: Int, cli: TriedCLI, login: LoginState.Word = .unknown,
        sandbox: SandboxState.Word = .off, relays: Bool = false, controlGroups: ControlGroupState.Word = .none,
        problems: [Problem] = [], generation: Int = 0, dependsOnOrigin: Bool = false,
        protection: ResponseFields = ResponseFields()
    ) {
        self.uptime = uptime
        self.running = running
        self.waiting = waiting
        self.generation = generation
        self.login = login
        var body = JSONWriter()
        body.beginObject()
        body.member("status", literal: "ok")
        body.member("version", Release.version)
        body.member("uptime_seconds", uptime)
        body.member("cli_version", cli.version)
        body.member("self_test", cli.selfTest.word)
        body.key("degraded")
        body.beginArray()
        for name in cli.selfTest.degraded { body.string(name) }
        body.endArray()
        body.member("login", login.rawValue)
        body.member("sandbox", sandbox.rawValue)
        body.member("credential_relay", literal: relays ? "on" : "off")
        body.member("control_groups", controlGroups.rawValue)
        body.key("problems")
        body.beginArray()
        for problem in problems {
            body.beginObject()
            body.member("about", problem.subject.rawValue)
            body.member("text", problem.text)
            body.endObject()
        }
        body.endArray()
        body.member("running_turns", running)
        body.member("waiting_turns", waiting)
        body.endObject()
        var fields = ResponseFields()
        fields.append(.contentType, "application/json")
        fields.append(.requestID, Self.blankIdentifier, isUnique: true)
        fields.append(.xRequestID, Self.blankIdentifier, isUnique: true)
        fields.append(contentsOf: protection)
        if dependsOnOrigin { fields.append(.vary, "origin") }
        prepared = Response(status: 200, fields: fields, body: body.bytes)
    }

    /// The JSON alone.
    var body: [UInt8] { prepared.body }

    /// True when the answer still holds.
    func tells(
        _ uptime: Int, _ running: Int, _ waiting: Int, _ generation: Int, _ login: LoginState.Word
    ) -> Bool {
        self.uptime == uptime && self.running == running && self.waiting == waiting && self.generation == generation
            && self.login == login
    }

    /// The answer with an identifier of its own.
    func response(identifier: Identifier) -> Response {
        var response = prepared
        for index in 1...2 {
            response.fields.overwriteValue(at: index, from: Self.prefixBytes, with: identifier.digits.span)
        }
        return response
    }

    private static let prefixBytes = 4
    private static let blankIdentifier = "req_0000000000000000000000"
}
