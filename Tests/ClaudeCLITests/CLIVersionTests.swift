import Glibc
import Platform
import Testing
import Vocabulary

@testable import ClaudeCLI

@Suite("The CLI's version")
struct CLIVersionTests {
    /// What asking a script for its version comes to.
    private func ask(_ script: String) async throws -> Result<String, Fault> {
        let path = Harness.directory() + "/claude"
        let file = unsafe open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o700)
        try #require(file >= 0)
        let bytes = Array(script.utf8)
        let written = unsafe write(file, bytes, bytes.count)
        close(file)
        try #require(written == bytes.count)
        return try await Harness.onLoop { loop in
            var limits = CLILimits()
            limits.versionMilliseconds = 30_000
            let profile = LaunchProfile(path: path, operatorEnvironment: [], loginDirectory: "/nonexistent")
            do throws(Fault) {
                return .success(try await CLIVersion.of(profile, limits: limits, on: loop))
            } catch {
                return .failure(error)
            }
        }
    }

    private func fault(_ script: String) async throws -> Fault {
        let result = try await ask(script)
        return try #require(throws: Fault.self) { try result.get() }
    }

    @Test("the first word is the version")
    func version() async throws {
        let result = try await ask("#!/bin/sh\necho '2.1.332 (Claude Code)'\necho noise >&2\n")
        #expect(try result.get() == "2.1.332")
    }

    @Test("a script that fails says why: the first line of its standard error, bounded and without secrets")
    func complaint() async throws {
        let missing = try await fault("#!/usr/bin/env portcullis-no-such-node\n")
        #expect(missing.message == "The CLI does not tell its version.")
        #expect(missing.detail.contains("portcullis-no-such-node") && missing.detail.contains("No such file"))
        let told = try await fault("#!/bin/sh\nprintf '\\n  token sk-ant-oat01-hush is bad \\nmore\\n' >&2; exit 1\n")
        #expect(told.detail == "token [redacted] is bad" || told.detail == " token [redacted] is bad")
        let long = try await fault("#!/bin/sh\nhead -c 50000 /dev/zero | tr '\\0' x >&2; exit 1\n")
        #expect((1...520).contains(long.detail.utf8.count))
    }

    @Test("what it prints instead of a version is told where it complains of nothing")
    func otherOutput() async throws {
        #expect(try await fault("#!/bin/sh\necho hello\n").detail == "hello")
    }

    @Test("an interpreter that is not there is told")
    func interpreter() async throws {
        let fault = try await fault("#!/nonexistent/node\n")
        #expect(fault.detail == "The interpreter that its first line names does not exist.")
    }
}
