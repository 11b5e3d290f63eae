import Testing

@testable import Gateway

@Suite("The table of settings")
struct ConfigurationReferenceTests {
    @Test("names, aliases and flags are unique")
    func unique() {
        let names = Setting.all.flatMap(\.known)
        let flags = Setting.all.compactMap(\.flag)
        #expect(Set(names).count == names.count)
        #expect(Set(flags).count == flags.count)
    }

    @Test("help and reference tell every row, its names, its flag and a default")
    func complete() {
        let help = Configuration.helpText()
        let markdown = Configuration.referenceMarkdown()
        for setting in Setting.all {
            #expect(!setting.fallback.isEmpty && setting.help.hasSuffix("."), "\(setting.name)")
            for name in setting.names + setting.foreign.map(\.name) {
                #expect(help.contains(name) && markdown.contains("`\(name)`"))
            }
            if let flag = setting.flag {
                #expect(help.contains("  \(flag)") && markdown.contains("`\(flag)`"))
            }
        }
    }

    @Test("the help text fits a terminal of 100 columns")
    func columns() {
        for line in Configuration.helpText().split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
    }

    @Test("every row of the reference has five cells")
    func cells() {
        for line in Configuration.referenceMarkdown().split(separator: "\n") where line.hasPrefix("|") {
            var bars = 0
            var previous: Character = " "
            for character in line {
                if character == "|", previous != "\\" { bars += 1 }
                previous = character
            }
            #expect(bars == 6, "\(line)")
        }
    }

    @Test(
        "the names that scripts and users of similar proxies rely on are there",
        arguments: [
            "PORT", "HOST", "PROXY_API_KEY", "PROXY_API_KEYS", "REQUIRE_AUTH", "CLAUDE_PATH", "DEFAULT_MODEL",
            "DEFAULT_EFFORT", "REQUEST_TIMEOUT_MS", "LOG_LEVEL", "ENABLE_THINKING", "LISTEN",
            "TLS_CERTIFICATE",
            "TLS_KEY", "API_KEYS_FILE", "CLI_ENV_FILE", "STATE_DIR", "MAX_BODY_BYTES", "MODEL_ALIASES",
            "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_MAX_RETRIES", "POOL_SIZE", "IDLE_TIMEOUT_MS",
        ])
    func promised(name: String) {
        #expect(Setting.named(name) != nil)
    }

    @Test("the page of settings holds the reference as it is")
    func pageIsCurrent() throws {
        let page = try checkout("deploy/docs/settings.md")
        let wanted = "<!-- settings:begin -->\n\(Configuration.referenceMarkdown())<!-- settings:end -->"
        #expect(page.contains(wanted), "put the output of 'portcullis help --markdown' between the markers")
    }

    @Test("the README holds every setting in a line")
    func readmeIsCurrent() throws {
        let brief = Configuration.briefMarkdown()
        #expect(brief.split(separator: "\n").count == Setting.all.count + 2)
        let wanted = "<!-- setting-names:begin -->\n\(brief)<!-- setting-names:end -->"
        let readme = try checkout("README.md")
        #expect(readme.contains(wanted), "put the output of 'portcullis help --markdown --brief' between the markers")
    }
}

/// A file of the checkout that these tests were built from.
func checkout(_ path: String) throws -> String {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return String(decoding: try ConfigurationFile.read("/\(root)/\(path)").bytes, as: UTF8.self)
}
