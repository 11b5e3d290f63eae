/// What is there for the CLI's own tools, where the operator has declared workspaces.
extension APIOperation {
    static let workspaces = [
        APIOperation(
            method: .post, path: "/v1/api/run", id: "createRun", group: "Runs",
            summary: "Have the CLI's own tools work in the key's workspace", body: "RunRequest",
            example: #"{"prompt":"List the files here"}"#, answer: "Run", streams: true, failure: .openAI)
    ]
}
