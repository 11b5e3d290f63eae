import Testing

@testable import Gateway

@Suite("Whose web pages may ask")
struct CORSPolicyTests {
    private func policy(_ words: String...) throws -> CORSPolicy {
        var policy = CORSPolicy.origins([])
        for word in words { try policy.add(word) }
        return policy
    }

    @Test(
        "origins of the web and of apps are taken as browsers send them",
        arguments: [
            ("https://a.example", "https://a.example"), ("HTTPS://Chat.Example:443", "https://chat.example"),
            ("http://localhost:80", "http://localhost"), ("http://localhost:3000", "http://localhost:3000"),
            ("https://localhost:80", "https://localhost:80"), ("http://[::1]:8080", "http://[::1]:8080"),
            ("app://obsidian.md", "app://obsidian.md"), ("tauri://localhost", "tauri://localhost"),
            ("capacitor://localhost", "capacitor://localhost"), ("ionic://localhost", "ionic://localhost"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
            ("moz-extension://0b5c-11", "moz-extension://0b5c-11"), ("vscode-webview://1a2b", "vscode-webview://1a2b"),
        ])
    func taken(written: String, meant: String) throws {
        #expect(try policy(written) == .origins([meant]))
        #expect(try policy(written).allowed(meant) == meant)
    }

    @Test(
        "what is no origin is refused",
        arguments: [
            "null", "NULL", "example.com", "https://", "://a", "https://a/", "https://a/b", "https://a?b", "https://a:",
            "https://a:0", "https://a:65536", "https://a:1:2", "https://u@a", "https://*.a", "https://a b", "1x://a",
            "file:///home", "https://[::1", "https://[x]", "https://ä.example", "https://a.example\r\nx: y", "",
        ])
    func refused(text: String) { #expect(throws: ValueProblem.self) { try policy(text) } }

    @Test("the reasons for null, files and paths are told")
    func reasons() {
        #expect { try policy("null") } throws: { "\($0)".contains("sandboxed") }
        #expect { try policy("file://") } throws: { "\($0)".contains("null") }
        #expect { try policy("https://A.example/chat") } throws: { "\($0)".contains("https://a.example") }
    }

    @Test("all and none stand alone, and the mixture is one fault", arguments: ["*", "none", "None"])
    func alone(word: String) throws {
        #expect(try policy(word) == (word == "*" ? .everybody : .nobody))
        for mixture in ["\(word),https://a,https://b", "https://a,\(word),https://b", "\(word),none", "none,\(word)"] {
            let fault = try #require(throws: ConfigurationFaults.self) { try load(["--cors-origin", mixture]) }
            #expect(fault.faults.count == 1, "\(mixture)")
        }
    }

    @Test("of several origins the one that asks is named, and a stranger gets nothing")
    func matching() throws {
        let policy = try policy("https://a.example", "app://obsidian.md")
        #expect(policy.allowed("https://a.example") == "https://a.example")
        #expect(policy.allowed("HTTPS://A.example") == "HTTPS://A.example")
        #expect(policy.allowed("app://obsidian.md") == "app://obsidian.md")
        for other in ["http://a.example", "https://a.example:444", "https://a.example.evil", "https://b.a.example", "null", ""] {
            #expect(policy.allowed(other) == nil)
        }
        #expect(policy.dependsOnOrigin && !CORSPolicy.everybody.dependsOnOrigin && !CORSPolicy.nobody.dependsOnOrigin)
        #expect(CORSPolicy.everybody.allowed("https://x") == "*" && CORSPolicy.nobody.allowed("https://x") == nil)
    }

    @Test("a later source's list replaces the default, and a list may be given in parts")
    func lists() throws {
        #expect(
            try load(["--cors-origin", "https://a.example", "--cors-origin", "app://b, tauri://localhost"]).cors
                == .origins(["https://a.example", "app://b", "tauri://localhost"]))
    }
}
