import Testing

@testable import Gateway

@Suite("Paths as apps spell them")
struct PlainPathTests {
    private func plain(_ path: String) -> String {
        String(decoding: PlainPath.of(Array(path.utf8)[...]), as: UTF8.self)
    }

    @Test(
        "slashes and versions too many are passed over",
        arguments: [
            ("/", "/"), ("//", "/"), ("/v1", "/"), ("/v1/", "/"), ("/v1/v1//", "/"), ("/models", "/models"),
            ("/v1/models", "/models"), ("/v1/v1/models/", "/models"), ("//v1//models//", "/models"),
            ("/models/a/b/", "/models/a/b"), ("/v1/responses/r//cancel", "/responses/r/cancel"),
        ])
    func tidied(path: String, expected: String) { #expect(plain(path) == expected) }

    @Test(
        "a base URL that ends in /v1/chat leads where one that ends in /v1 does",
        arguments: [
            ("/v1/chat/chat/completions", "/chat/completions"), ("/v1/chat/models", "/models"),
            ("/v1/chat/models/claude-x", "/models/claude-x"), ("/chat/v1/chat/completions", "/chat/completions"),
            ("/v1/chat/chat/models/", "/models"), ("/v1/chat/responses", "/chat/responses"), ("/v1/chat/modelsx", "/chat/modelsx"),
            ("/v1/chat/completions", "/chat/completions"), ("/v1/chat", "/chat"), ("/chat/", "/chat"),
            ("/chat/completions/x", "/chat/completions/x"), ("/v1/chats/models", "/chats/models"),
        ])
    func chat(path: String, expected: String) { #expect(plain(path) == expected) }

    @Test(
        "nothing else is read into a path",
        arguments: [
            "*", "/v10/models", "/v1models", "/V1/models", "/x/v1/models", "/./models", "/../models", "/%2Fmodels",
            "/v1%2Fmodels", "/%76%31/models", "/models%2F", "/models;x", "/models\\",
        ])
    func untouched(path: String) { #expect(plain(path) == path) }

    @Test("dots and percent signs stay behind a version that is taken away")
    func kept() {
        #expect(plain("/v1/../v1/models") == "/../v1/models")
        #expect(plain("/v1//%2e%2e//models") == "/%2e%2e/models")
    }
}
