/// What is there for the CLI's own tools, where the operator has declared workspaces.
extension APIOperation {
    static let workspaces = [
        APIOperation(
            method: .post, path: "/v1/api/run", id: "createRun", group: "Runs",
            summary: "Have the CLI's own tools work in the key's workspace", body: "RunRequest",
            example: #"{"prompt":"List the files here"}"#, answer: "Run", streams: true, failure: .openAI),
        APIOperation(
            method: .get, path: "/v1/api/sessions/{conversation}/events", id: "listRunEvents", group: "Runs",
            summary: "Read on in the events of a session's run, as a stream", parameters: ["conversation", "afterEvent"],
            answer: nil, streams: true),
        APIOperation(
            method: .post, path: "/v1/api/sessions/{conversation}/cancel", id: "cancelRun", group: "Runs",
            summary: "End the run that goes on in a session", parameters: ["conversation"], answer: "RunEnd"),
    ]
}
