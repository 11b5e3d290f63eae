import Glibc
import TestSupport
import Testing

@testable import Gateway
@testable import Platform

@Suite("Events in the journal")
struct LogEventTests {
    @Test("each has an identifier of its own, which the catalog explains")
    func catalog() throws {
        let root = #filePath.replacing("/Tests/GatewayTests/LogEventTests.swift", with: "")
        let file = unsafe try #require(fopen(root + "/deploy/systemd/portcullis.catalog", "r"))
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        bytes.removeLast(bytes.count - count)
        let text = String(decoding: bytes, as: UTF8.self)
        let explained = text.split(separator: "\n").filter { $0.hasPrefix("-- ") }.map { String($0.dropFirst(3)) }
        #expect(explained.sorted() == LogEvent.allCases.map(\.id).sorted())
        #expect(Set(explained).count == explained.count)
        #expect(explained.allSatisfy { $0.count == 32 && $0.allSatisfy { $0.isHexDigit && !$0.isUppercase } })
    }

    @Test("an entry that nobody takes is not waited for")
    func nobody() throws {
        let scratch = try Scratch()
        let socket = try #require(JournalSocket(path: scratch.path(of: "socket")))
        #expect(!socket.send(Array("MESSAGE=x\n".utf8)))
        #expect(!socket.send([UInt8](repeating: 65, count: 4096)))
    }
}
