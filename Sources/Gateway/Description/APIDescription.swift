import Vocabulary

/// What `GET /openapi.json` answers: the endpoints with their requests and answers, for people and for programs.
enum APIDescription {
    /// An OpenAPI 3.1 document. It is the same for everybody and tells nothing of the configuration, but whether there are
    /// a console and workspaces.
    static func document(console: Bool, workspaces: Bool) -> [UInt8] {
        switch (console, workspaces) {
        case (false, false): plain
        case (true, false): withConsole
        case (false, true): withWorkspaces
        case (true, true): whole
        }
    }

    private static let plain = document(of: APIOperation.all)
    private static let withConsole = document(of: APIOperation.all + APIOperation.console)
    private static let withWorkspaces = document(of: APIOperation.all + APIOperation.workspaces)
    private static let whole = document(of: APIOperation.all + APIOperation.workspaces + APIOperation.console)

    private static func document(of operations: [APIOperation]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("openapi", literal: "3.1.0")
            json.key("info")
            json.object { json in
                json.member("title", literal: "Portcullis")
                json.member("version", Release.version)
                json.member("summary", literal: "One HTTPS endpoint in front of the Claude Code CLI")
                json.fragmentMember("license", #"{"name": "MIT", "identifier": "MIT"}"#)
            }
            json.key("paths")
            json.object { writePaths(of: operations, to: &$0) }
            json.key("components")
            json.object { json in
                json.fragmentMember("securitySchemes", securitySchemes)
                json.fragmentMember("parameters", "{\(APISchemas.parameters),\(APISchemas.consoleParameters)}")
                json.fragmentMember("schemas", "{\(APISchemas.requests),\(APISchemas.runs),\(APISchemas.answers),\(APISchemas.console)}")
            }
        }
        return json.bytes
    }

    /// Both vendors' ways of showing a key. Operations name the first alone: a program that is told of both may send both,
    /// and two different keys are refused.
    private static let securitySchemes = #"""
        {"bearer": {"type": "http", "scheme": "bearer", "description": "A key may come as x-api-key instead"},
         "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
        """#

    private static func writePaths(of operations: [APIOperation], to json: inout JSONWriter) {
        var written: [String] = []
        for path in operations.map(\.path) where !written.contains(path) {
            written.append(path)
            json.key(JSONText(path))
            json.object { json in
                for operation in operations where operation.path == path {
                    json.key(JSONText(operation.method.rawValue))
                    json.object { write(operation, to: &$0) }
                }
            }
        }
    }

    private static func write(_ operation: APIOperation, to json: inout JSONWriter) {
        json.member("operationId", operation.id)
        json.member("summary", operation.summary)
        json.key("tags")
        json.beginArray()
        json.string(operation.group)
        json.endArray()
        if operation.needsKey { json.fragmentMember("security", #"[{"bearer": []}]"#) }
        if !operation.parameters.isEmpty {
            json.key("parameters")
            json.beginArray()
            for name in operation.parameters { json.object { $0.member("$ref", "#/components/parameters/\(name)") } }
            json.endArray()
        }
        if let body = operation.body {
            json.key("requestBody")
            json.object { json in
                json.member("required", operation.needsBody)
                json.key("content")
                json.object { content("application/json", body, example: operation.example, to: &$0) }
            }
        }
        json.key("responses")
        json.object { writeAnswers(operation, to: &$0) }
    }

    private static func writeAnswers(_ operation: APIOperation, to json: inout JSONWriter) {
        answer("200", "The answer", to: &json) { json in
            guard let schema = operation.answer else {
                if operation.streams { return json.fragmentMember("text/event-stream", "{}") }
                content("text/plain", nil, to: &json)
                return content("application/openmetrics-text", nil, to: &json)
            }
            content("application/json", schema, to: &json)
            if operation.streams { json.fragmentMember("text/event-stream", "{}") }
        }
        if operation.mayBeUnready {
            answer("503", "The same, when something is missing", to: &json) { json in
                content("application/json", operation.answer, to: &json)
            }
        }
        // Limits and loads can be met everywhere, so failures are told by their kind alone.
        let failures = [("4XX", "The request cannot be answered as it is"), ("5XX", "The request could not be answered now")]
        for (status, words) in failures where operation.failure != nil || status == "4XX" {
            answer(status, words, to: &json) { json in
                content("application/json", (operation.failure ?? .either).rawValue, to: &json)
            }
        }
    }

    private static func answer(
        _ status: String, _ words: String, to json: inout JSONWriter, _ write: (inout JSONWriter) -> Void
    ) {
        json.key(JSONText(status))
        json.object { json in
            json.member("description", words)
            json.key("content")
            json.object(write)
        }
    }

    /// A form of a body; one without a schema is text.
    private static func content(_ type: String, _ schema: String?, example: String? = nil, to json: inout JSONWriter) {
        json.key(JSONText(type))
        json.object { json in
            json.key("schema")
            json.object { json in
                if let schema { json.member("$ref", "#/components/schemas/\(schema)") } else { json.member("type", literal: "string") }
            }
            if let example { json.fragmentMember("example", example) }
        }
    }
}

extension JSONWriter {
    /// Writes a key and JSON as it is spelled in the program.
    fileprivate mutating func fragmentMember(_ name: StaticString, _ text: String) { member(name, JSONFragment(validated: Array(text.utf8)[...])) }
}
