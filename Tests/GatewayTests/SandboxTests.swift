import Platform
import Testing

@testable import Gateway

@Suite("Walls round children, as settings say")
struct SandboxTests {
    private static let kernels: [(WallKernel, SandboxState.Word, fault: String?)] = [
        (WallKernel(landlock: 7, filtersCalls: true), .full, nil),
        (WallKernel(landlock: 2, filtersCalls: true), .partial, nil),
        (WallKernel(landlock: 0, filtersCalls: true), .partial, "files"),
        (WallKernel(landlock: 7, filtersCalls: false), .partial, "system calls"),
        (WallKernel(landlock: 0, filtersCalls: false), .none, "files and system calls"),
    ]

    @Test("what a kernel cannot build stops only who requires it, and is told in any case", arguments: kernels)
    func kernel(kernel: WallKernel, word: SandboxState.Word, fault: String?) {
        var settings = SandboxSettings()
        #expect(settings.fault(on: kernel) == nil)
        #expect(SandboxState(settings, on: kernel).word == word)
        for missing in kernel.missing where word == .partial {
            #expect(SandboxState(settings, on: kernel).note.contains(missing))
        }
        settings.mode = .require
        #expect(settings.fault(on: kernel)?.description.contains("cannot keep children from \(fault ?? "")") == (fault == nil ? nil : true))
        settings.mode = .off
        #expect(SandboxState(settings, on: kernel).word == .off && SandboxState(settings, on: kernel).landlock == 0)
        #expect(settings.policy(running: "/bin/cat", for: []) == nil)
    }

    @Test("what is the gateway's own is hidden, whether it is there yet or not")
    func hidden() throws {
        let configuration = try Configuration.load(
            arguments: [
                "--plaintext", "--claude-path", "/bin/true", "--state-dir", "/s", "--api-keys-file", "/k",
                "--cli-env-file", "/e", "--proxy-mcp-config", "/m", "--sandbox", "require", "--sandbox-paths", "/a",
            ], environment: ["CREDENTIALS_DIRECTORY": "/c"], machine: Machine.current(HostNameMemory()))
        #expect(Set(configuration.sandbox.hidden) == ["/s", "/k", "/e", "/m", "/c"])
        #expect(configuration.sandbox.mode == .require && configuration.sandbox.paths == ["/a"])
    }
}
