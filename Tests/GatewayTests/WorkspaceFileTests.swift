import ClaudeCLI
import Testing

@testable import Gateway

@Suite("The file of workspaces")
struct WorkspaceFileTests {
    private func read(_ members: String) throws -> Workspace {
        let text = #"{"workspaces":{"lab":{"directory":"/srv/lab"\#(members.isEmpty ? "" : ",")\#(members)}}}"#
        return try #require(try WorkspaceFile.parse(Array(text.utf8), path: "file").first)
    }

    @Test("a directory alone has the usual tools and bounds, and no network")
    func usual() throws {
        let workspace = try read("")
        #expect(workspace.tools == WorkspaceRegistry.usualTools && workspace.network == .none && !workspace.isShared)
        #expect(workspace.bounds == Workspace.Bounds() && workspace.commands == nil)
    }

    @Test("every member is read")
    func whole() throws {
        let workspace = try read(
            #""tools":["Read","WebFetch","Bash"],"network":["Example.org","*.example.net","example.com:8443"],"commands":["ls *"],"#
                + #""readOnly":[".git/*"],"shared":true,"memory":"512MiB","processes":64,"disk":1048576,"seconds":60,"turns":5,"cost":0.5"#)
        #expect(workspace.tools == [.read, .webFetch, .bash] && workspace.isShared)
        #expect(workspace.network == .hosts(["example.org", "*.example.net", "example.com:8443"]))
        #expect(workspace.commands == ["ls *"] && workspace.readOnly == [".git/*"])
        #expect(workspace.bounds.memoryBytes == 512 << 20 && workspace.bounds.processes == 64)
        #expect(workspace.bounds.diskBytes == 1 << 20 && workspace.bounds.seconds == 60 && workspace.bounds.turns == 5)
        #expect(workspace.bounds.cost == 500_000_000)
    }

    @Test(
        "what is misspelt or makes no sense is a fault that names the workspace",
        arguments: [
            #""tool":["Read"]"#, #""tools":["Agent"]"#, #""tools":[]"#, #""tools":["WebFetch"]"#, #""network":"maybe""#, #""network":[]"#,
            #""network":["a b"]"#, #""network":["example.org:0"]"#, #""network":["example.org:x"]"#, #""memory":"lots""#, #""memory":1"#,
            #""processes":1"#, #""cost":0"#, #""seconds":0"#, #""tools":["Read"],"commands":["ls"]"#, #""shared":"yes""#, #""turns":5,"turns":6"#,
        ])
    func faults(members: String) {
        #expect(performing: { _ = try read(members) }, throws: { "\($0)".contains("workspace lab") })
    }

    @Test("a workspace lies apart from the system, the gateway and other workspaces")
    func places() {
        for (directory, isRight) in [
            ("/srv/lab", true), ("/etc/lab", false), ("/usr", false), ("/srv", false), ("/var/lib/portcullis/lab", false), ("/var/lib", false),
        ] {
            #expect((WorkspaceDirectory.problem(of: directory, beside: ["/var/lib/portcullis"]) == nil) == isRight, "\(directory)")
        }
    }
}
