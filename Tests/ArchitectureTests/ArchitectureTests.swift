import Testing

@Suite("The one-way rule and the rules of the house")
struct ArchitectureTests {
    private let sources = SourceTree.swiftFiles(in: "Sources")
    private let tests = SourceTree.swiftFiles(in: "Tests")

    /// What each module may import. A module that is not here may not exist.
    private static let allowed: [String: Set<String>] = [
        "Platform": ["CLinux", "CSystemd", "Glibc", "Synchronization"],
        "TLS": ["COpenSSL", "Synchronization"],
        "HTTP": ["CNGHTTP2"],
        "Vocabulary": [],
        "Models": ["Vocabulary"],
        "Dialects": ["Vocabulary"],
        "ClaudeCLI": ["Glibc", "Platform", "Synchronization", "Vocabulary"],
        "Server": ["HTTP", "Platform", "Synchronization", "TLS", "Vocabulary"],
        "Relay": ["CKeys", "COpenSSL", "HTTP", "Platform", "Synchronization", "TLS"],
        "Egress": ["Platform", "Relay", "Synchronization"],
        "Ledger": ["CSQLite", "Glibc", "Synchronization"],
        "Gateway": [
            "CConsole", "CKeys", "COpenSSL", "ClaudeCLI", "Dialects", "Egress", "Glibc", "HTTP", "Ledger", "Models", "Platform", "Relay",
            "Server",
            "Synchronization", "TLS", "Vocabulary",
        ],
        "portcullis": ["Gateway", "Glibc"],
        "claude-standin": ["Glibc", "Vocabulary"],
        "portcullis-bench": ["CAllocations", "CKeys", "COpenSSL", "ClaudeCLI", "Dialects", "Glibc", "Vocabulary"],
    ]

    /// The rooms in which a C library is met.
    private static let rooms: [String: [String]] = [
        "CNGHTTP2": ["Sources/HTTP/"],
        "COpenSSL": ["Sources/TLS/", "Sources/Relay/", "Sources/Gateway/Keys/", "Sources/Gateway/Access/", "Sources/Gateway/Continuation/", "Sources/Gateway/Console/", "Sources/portcullis-bench/"],
        "CSQLite": ["Sources/Ledger/"],
        "CSystemd": ["Sources/Platform/"],
        "CLinux": ["Sources/Platform/"],
        "CConsole": ["Sources/Gateway/Console/"],
        "CAllocations": ["Sources/portcullis-bench/"],
        "CKeys": ["Sources/Relay/", "Sources/Gateway/Access/", "Sources/portcullis-bench/"],
    ]

    @Test("the tree is found, so that the other tests look at something")
    func treeIsFound() {
        #expect(sources.count > 100)
        #expect(sources.contains { $0.path == "Sources/Platform/EventLoop.swift" && $0.imports.contains("CLinux") })
        #expect(SourceTree.contents(SourceTree.root + "/Package.swift").contains("swift-tools-version"))
    }

    @Test("dependencies run downwards only")
    func imports() {
        for file in sources {
            guard let allowed = Self.allowed[file.module] else {
                Issue.record("\(file.path) is of a module that has no place in the house")
                continue
            }
            let foreign = Set(file.imports).subtracting(allowed)
            #expect(foreign.isEmpty, "\(file.path) imports \(foreign.sorted())")
        }
    }

    @Test("each C library is met in its own room alone")
    func rooms() {
        for file in sources {
            for (library, places) in Self.rooms where file.imports.contains(library) {
                #expect(places.contains { file.path.hasPrefix($0) }, "\(file.path) imports \(library)")
            }
        }
    }

    /// The folders of each module that has some, the lowest first: a folder names types of itself and of those before it.
    private static let floors: [String: [String]] = [
        "ClaudeCLI": ["", "Agent", "Lines", "Plan", "Reply", "Turn", "Launch", "Shell", "Session", "Questions", "Supply"],
        "Gateway": [
            "", "Logging", "Metrics", "Reading", "Keys", "Models", "MCP", "Settings", "Workspaces", "Access", "Quota", "Login", "Accounts",
            "SelfTest", "Continuation", "Administration", "Site", "Description", "Console", "Exchange", "Service", "Commands",
        ],
    ]

    @Test("within a module too dependencies run downwards only")
    func floors() {
        for (module, floors) in Self.floors {
            let files = sources.filter { $0.module == module }
            #expect(Set(files.map(\.folder)) == Set(floors), "of \(module)")
            for (height, floor) in floors.enumerated() {
                let above = files.filter { floors[(height + 1)...].contains($0.folder) }
                let foreign = Set(above.flatMap(\.declaredTypes))
                for line in files.filter({ $0.folder == floor }).flatMap(\.all) {
                    let named = line.words.filter(foreign.contains)
                    #expect(named.isEmpty, "\(line)")
                }
            }
        }
    }

    @Test("the package declares what the sources import and nothing more")
    func package() {
        let manifest = SourceTree.contents(SourceTree.root + "/Package.swift")
        for (module, allowed) in Self.allowed {
            let declared = Set(Self.dependencies(of: module, in: manifest))
            let system: Set = ["Glibc", "Synchronization"]
            #expect(declared == allowed.subtracting(system), "of \(module)")
        }
    }

    @Test("nothing in the server needs Foundation")
    func foundation() {
        for file in sources {
            let foreign = file.imports.filter { $0.hasPrefix("Foundation") || $0 == "Dispatch" || $0 == "FoundationNetworking" }
            #expect(foreign.isEmpty, "\(file.path) imports \(foreign)")
        }
    }

    @Test("a file fits in the head")
    func lengths() {
        for file in sources + tests {
            #expect(file.lines.count <= 521, "\(file.path) has \(file.lines.count - 1) lines")
        }
    }

    @Test(
        "nothing can stop the server by surprise or print past the log",
        arguments: ["try!", "as!", "print(", "fatalError(", "debugPrint(", "dump(", "TODO", "FIXME"])
    func forbidden(word: String) {
        for line in sources.flatMap(\.all) {
            let text = ["TODO", "FIXME"].contains(word) ? line.text : line.code
            #expect(!Self.holds(text, word), "\(line)")
        }
    }

    @Test("every exception from the rules of concurrency says why it is sound")
    func confessions() {
        for line in sources.flatMap(\.all) {
            guard ["@unchecked Sendable", "nonisolated(unsafe)", "@preconcurrency"].contains(where: line.code.contains)
            else { continue }
            let near = max(0, line.index - 3)...min(line.file.lines.count - 1, line.index + 3)
            let isExplained = near.contains { line.file.lines[$0].contains("//") && !Self.isBare(line.file.lines[$0]) }
            #expect(isExplained, "\(line)")
        }
    }

    @Test("every unstructured task says why it is one")
    func unstructuredTasks() {
        for line in sources.flatMap(\.all) where Self.isTaskStart(line.code) {
            let before = line.file.lines[max(0, line.index - 4)..<line.index]
            #expect(before.contains { $0.contains("// Unstructured") }, "\(line)")
        }
    }

    @Test("an answer is given once: only the servers make a response writer, and only they know a way back")
    func responseWriters() {
        // One stands for a channel whose writer it has taken over.
        let servers = ["HTTP1Server.swift", "HTTP2Server.swift", "LingeringChannel.swift"].map { "Sources/Server/" + $0 }
        let makers = sources.filter { file in
            ["Gateway", "Server"].contains(file.module) && file.all.contains { Self.holds($0.code, "ResponseWriter(") }
        }
        #expect(Set(makers.map(\.path)) == Set(servers))
        let room = servers + ["ResponseChannel.swift", "ResponseWriter.swift"].map { "Sources/Server/" + $0 }
        for line in sources.flatMap(\.all) where line.code.contains("ResponseChannel") {
            #expect(room.contains(line.file.path), "\(line)")
        }
    }

    @Test("every public declaration is documented")
    func documentation() {
        for file in sources {
            for line in file.all where line.text.trimmed.hasPrefix("public ") && !line.code.contains(" import ") {
                // What a protocol asks for needs no words of its own.
                let isRequirement = [" func ==", " func <", " func hash(", " var description"].contains {
                    line.code.contains($0)
                }
                #expect(isRequirement || Self.isDocumented(line), "\(line)")
            }
        }
    }

    @Test("no file carries a licence banner")
    func banners() {
        for file in sources + tests {
            let top = file.lines.prefix(5).joined().lowercased()
            #expect(!top.contains("copyright") && !top.contains("licen"), "\(file.path)")
        }
    }

    @Test("each fuzz target names modules and files that exist")
    func fuzzTargets() {
        let targets = tests.filter { $0.path.hasPrefix("Tests/Fuzz/") && $0.path.hasSuffix("Fuzz.swift") }
        #expect(targets.count >= 3)
        for target in targets {
            let modules = Self.header("modules", of: target)
            #expect(!modules.isEmpty, "\(target.path) names no module")
            var files = Self.header("files", of: target)
            for module in modules {
                let parts = module.split(separator: ":")
                #expect(Self.allowed[String(parts[0])] != nil, "\(target.path) names \(module)")
                files += parts.dropFirst().flatMap { $0.split(separator: ",") }.map { "Sources/\(parts[0])/\($0).swift" }
            }
            for file in files {
                #expect((sources + tests).contains { $0.path == file }, "\(target.path) names \(file)")
            }
        }
    }

    @Test("every module with a test target is tested")
    func testTargets() {
        for module in ["Platform", "TLS", "HTTP", "Vocabulary", "Dialects", "ClaudeCLI", "Server", "Relay", "Ledger", "Gateway"] {
            let files = tests.filter { $0.module == "\(module)Tests" }
            let count = files.reduce(0) { $0 + $1.all.count { $0.code.hasPrefix("@Test") } }
            #expect(count > 5, "\(module) has \(count) tests")
        }
    }

    @Test("every test asserts something")
    func assertions() {
        let words = ["#expect", "#require", "expect", "Issue.record", "check"]
        for file in tests where !file.path.hasPrefix("Tests/Fuzz/") {
            for start in file.all where start.code.hasPrefix("@Test") {
                let body = Self.functionBody(after: start)
                #expect(words.contains { word in body.contains { $0.contains(word) } }, "\(start)")
            }
        }
    }

    @Test("no test sleeps to wait for something")
    func sleeps() {
        for line in tests.flatMap(\.all) where !line.file.path.hasPrefix("Tests/ArchitectureTests/") {
            let naps = ["Task.sleep", "usleep(", "nanosleep("].filter { line.code.contains($0) }
            #expect(naps.isEmpty, "\(line)")
        }
    }

    @Test(
        "the root holds what belongs there and nothing else",
        .enabled(if: !SourceTree.output(of: "git -C '\(SourceTree.root)' ls-files 2>/dev/null").isEmpty, "not a checkout"))
    func topLevel() {
        let paths = SourceTree.output(of: "git -C '\(SourceTree.root)' ls-files")
        let entries = Set(paths.map { String($0.prefix { $0 != "/" }) })
        let known: Set = [
            "Sources", "Tests", "deploy", "certs", "Package.swift", "Package.resolved", "README.md", "LICENSE",
            "SECURITY.md", "CHANGELOG.md", "findings",
        ]
        let foreign = entries.filter { !$0.hasPrefix(".") }.subtracting(known)
        #expect(foreign.isEmpty)
        #expect(entries.isSuperset(of: ["Sources", "Tests", "deploy", "certs", "Package.swift", "LICENSE", ".ci"]))
        let secrets = paths.filter { $0.hasSuffix(".pem") || $0.hasSuffix(".key") || $0.hasPrefix("certs/dev/") }
        #expect(secrets.isEmpty)
    }
}

extension ArchitectureTests {
    /// True when `text` holds `word` and no longer word that ends with it.
    private static func holds(_ text: String, _ word: String) -> Bool {
        var rest = text[...]
        while let found = rest.firstRange(of: word) {
            let before = rest[..<found.lowerBound].last
            if !(before.map { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." } ?? false) { return true }
            rest = rest[found.upperBound...]
        }
        return false
    }

    private static func isTaskStart(_ code: String) -> Bool {
        holds(code, "Task(") || code.contains("Task {") || code.contains(".spawn {")
    }

    private static func isBare(_ text: String) -> Bool { text.trimmed == "//" || text.trimmed == "///" }

    /// The line above, attributes aside, is a comment, or a documented declaration that shares its comment.
    private static func isDocumented(_ line: Line) -> Bool {
        for index in stride(from: line.index - 1, through: 0, by: -1) {
            let text = line.file.lines[index].trimmed
            if text.hasPrefix("///") { return true }
            // A list of constants of one kind may share its heading.
            if text.isEmpty, index > 0, line.file.lines[index - 1].trimmed.hasPrefix("// MARK: ") { return true }
            if text.hasPrefix("@") { continue }
            guard text.hasPrefix("public "), !text.hasSuffix("{") else { return false }
        }
        return false
    }

    /// The words after `// name:` among the first lines of a file.
    private static func header(_ name: String, of file: SourceFile) -> [String] {
        for line in file.lines.prefix(8) where line.hasPrefix("// \(name):") {
            return line.dropFirst(name.count + 4).split(separator: " ").map(String.init)
        }
        return []
    }

    /// The dependencies that the manifest gives a target.
    private static func dependencies(of target: String, in manifest: String) -> [String] {
        for declaration in manifest.split(separator: "arget(")
        where declaration.drop(while: { $0.isWhitespace }).hasPrefix("name: \"\(target)\"") {
            guard let start = declaration.firstRange(of: "dependencies: [") else { return [] }
            let list = declaration[start.upperBound...].prefix { $0 != "]" }
            return list.split(separator: ",").map { String($0.filter { $0.isLetter || $0.isNumber }) }
                .filter { !$0.isEmpty }
        }
        return []
    }

    /// The lines from a test's attribute to the closing brace of its function.
    private static func functionBody(after start: Line) -> [String] {
        let indent = start.text.prefix { $0 == " " }.count
        var body: [String] = []
        for text in start.file.lines[start.index...] {
            body.append(text)
            if text.prefix(while: { $0 == " " }).count == indent, text.trimmed == "}" { break }
        }
        return Array(body.dropFirst())
    }
}
