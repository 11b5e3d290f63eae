import TestSupport
import Testing

@testable import Gateway

@Suite("Watched files")
struct FileWatchTests {
    @Test("a change counts once it is at rest, and once")
    func settling() throws {
        let scratch = try Scratch()
        try scratch.write("chain", "old")
        try scratch.write("key", "old")
        var watch = FileWatch(["chain", "key", "none"].map(scratch.path(of:)))
        func hasSettled() -> Bool { watch.hasSettled() }
        #expect(!hasSettled())
        try scratch.write("chain", "new one")
        #expect(!hasSettled())
        // The second file of the same renewal.
        try scratch.write("key", "new one")
        #expect(!hasSettled())
        #expect(hasSettled())
        #expect(!hasSettled())
        try scratch.write("none", "is there now")
        #expect(!hasSettled())
        #expect(hasSettled())
    }
}
