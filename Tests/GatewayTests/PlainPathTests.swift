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
