/// What the console asks for; it is there only with `CONSOLE=true`, and but for the first for administrators' keys alone.
extension APIOperation {
    static let console = looks + acts

    private static let looks = [
        look("caller", "getConsoleCaller", "Tell whose key this is", "ConsoleCaller"),
        look("accounts", "listConsoleAccounts", "List the logins and their windows", "ConsoleList"),
        look("processes", "getConsoleProcesses", "Count the processes by what they do", "ConsoleProcesses"),
        look("turns", "listConsoleTurns", "List the answers that run and wait", "ConsoleList"),
        look("errors", "listConsoleErrors", "List the newest errors and warnings of the log", "ConsoleList"),
        look("settings", "listConsoleSettings", "List the settings in force, secrets hidden", "ConsoleList"),
        look("audit", "listConsoleAudit", "List what administrators did, the newest first", "ConsoleList", ["auditCount"]),
        look("keys", "listConsoleKeys", "List keys", "ConsoleList", ["keyPage"]),
        look("keys/{keyName}", "getConsoleKey", "Look at a key", "ConsoleKey", ["keyName"]),
    ]

    private static let acts = [
        act("turns/{turnID}/cancel", "cancelConsoleTurn", "End an answer", "ConsoleNothing", "ConsoleTurn", ["turnID"]),
        act(
            "keys", "addConsoleKey", "Add a key; its secret is in this answer and nowhere else", "ConsoleNewKey",
            example: #"{"name":"alice","options":["turns=4"]}"#),
        act(
            "keys/{keyName}", "setConsoleKey", "Change options of a key; an empty value clears one", "ConsoleKeyOptions",
            "ConsoleAct", ["keyName"], example: #"{"options":["turns=4"]}"#),
        act("keys/{keyName}/rotate", "rotateConsoleKey", "Give a key a new secret", "ConsoleRotation", "ConsoleAct", ["keyName"]),
        act("keys/{keyName}/disable", "disableConsoleKey", "Let a key in no more", "ConsoleNothing", "ConsoleAct", ["keyName"]),
        act("keys/{keyName}/enable", "enableConsoleKey", "Let a key in again", "ConsoleNothing", "ConsoleAct", ["keyName"]),
        APIOperation(
            method: .delete, path: "/console/api/keys/{keyName}", id: "removeConsoleKey", group: "Console",
            summary: "Remove a key for good", parameters: ["keyName"], answer: "ConsoleAct"),
    ]

    private static func look(
        _ path: String, _ id: String, _ summary: String, _ answer: String, _ parameters: [String] = []
    ) -> APIOperation {
        APIOperation(
            method: .get, path: "/console/api/" + path, id: id, group: "Console", summary: summary, parameters: parameters,
            answer: answer)
    }

    private static func act(
        _ path: String, _ id: String, _ summary: String, _ body: String, _ answer: String = "ConsoleAct",
        _ parameters: [String] = [], example: String = "{}"
    ) -> APIOperation {
        APIOperation(
            method: .post, path: "/console/api/" + path, id: id, group: "Console", summary: summary,
            parameters: parameters, body: body, example: example, answer: answer)
    }
}

/// The shapes of what the console asks for.
extension APISchemas {
    static let consoleParameters = #"""
        "keyName": {"name": "keyName", "in": "path", "required": true,
          "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}, "example": "alice"},
        "turnID": {"name": "turnID", "in": "path", "required": true,
          "schema": {"type": "string", "pattern": "^req_[A-Za-z0-9]{22}$"}},
        "auditCount": {"name": "count", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 5000}},
        "keyPage": {"name": "after", "in": "query", "description": "What the page before calls next",
          "schema": {"type": "string"}}
        """#

    static let console = #"""
        "ConsoleNothing": {"type": "object"},
        "ConsoleOption": {"type": "string", "description": "option=value; `portcullis help key` lists these and those that name what must be there: an account, a workspace, an MCP server",
          "anyOf": [
            {"pattern": "^(turns|(requests|(input-|output-|cached-)?tokens)-per-(minute|day|week|month))=[1-9][0-9]{0,4}$"},
            {"pattern": "^spend-per-(day|week|month)=[1-9][0-9]{0,5}([.][0-9]{1,6})?$"},
            {"pattern": "^((task-)?weight=[1-9][0-9]?|web-search=(yes|no|[1-9])|reserve=(yes|no)|windows=(calendar|rolling))$"},
            {"pattern": "^(role=(user|admin)|client=(openclaw|codex)|effort=(low|medium|high|xhigh|max)|dialects=(messages|chat|responses|run))$"},
            {"pattern": "^(models|default-model|task-model)=[A-Za-z0-9._-]{1,64}$"},
            {"pattern": "^(not-before|expires)=20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$"}]},
        "ConsoleNewKey": {"type": "object", "required": ["name"], "properties": {
          "name": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,24}$"},
          "options": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/ConsoleOption"}}}},
        "ConsoleKeyOptions": {"type": "object", "required": ["options"], "properties": {
          "options": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ConsoleOption"}}}},
        "ConsoleRotation": {"type": "object", "properties": {"overlap": {"type": ["string", "null"],
          "pattern": "^(0|[1-9][0-9]{0,2}[smh])$", "description": "How long the old secret opens too; a day where nobody says"}}},
        "ConsoleCaller": {"type": "object", "required": ["object", "name", "role", "version"], "properties": {
          "object": {"const": "caller"}, "name": {"type": "string"}, "role": {"enum": ["user", "admin"]},
          "expires_at": {"type": "string", "format": "date-time"}, "version": {"type": "string"}}},
        "ConsoleList": {"type": "object", "required": ["object", "data"], "properties": {"object": {"const": "list"},
          "data": {"type": "array", "items": {"type": "object"}}, "next": {"type": "string"}}},
        "ConsoleProcesses": {"type": "object", "required": ["object", "now", "since_start", "turns"], "properties": {
          "object": {"const": "processes"}, "now": {"type": "object"}, "since_start": {"type": "object"},
          "turns": {"type": "object"}}},
        "ConsoleKey": {"type": "object", "required": ["name", "id", "source", "state", "options"]},
        "ConsoleTurn": {"type": "object", "required": ["object", "id", "state"]},
        "ConsoleAct": {"type": "object", "required": ["object", "name", "notes"], "properties": {
          "object": {"const": "key_act"}, "name": {"type": "string"}, "key": {"type": "string"},
          "old_key_ends": {"type": "string", "format": "date-time"}, "notes": {"type": "array", "items": {"type": "string"}}}}
        """#
}
