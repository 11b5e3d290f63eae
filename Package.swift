// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is held to the same rules: Swift 6 concurrency, explicit `any`, explicit imports,
/// explicit `unsafe`, and no warning left standing.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    // Exclusive access is checked by the Swift tests and while fuzzing. In a release build the checks would make a keyed
    // request over HTTP/1.1 4.6 % dearer, one over HTTP/2 2.6 % (instructions of 1,000 requests for /v1/models).
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "portcullis",
    products: [
        .executable(name: "portcullis", targets: ["portcullis"]),
        .executable(name: "claude-standin", targets: ["claude-standin"]),
        .executable(name: "portcullis-bench", targets: ["portcullis-bench"]),
    ],
    targets: [
        // TLS and HMAC.
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        // HTTP/2 framing, HPACK and flow control.
        .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        // Readiness, watchdog, socket activation, journal.
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        // What must survive a restart and a power cut.
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        // The few system calls Swift cannot make itself.
        .target(name: "CLinux"),
        // Finds a key without telling which.
        .target(name: "CKeys"),
        // The page of the console, as its files are.
        .target(name: "CConsole", exclude: ["page"]),
        // Counts allocations for the benchmark.
        .target(name: "CAllocations"),

        .target(name: "Platform", dependencies: ["CLinux", "CSystemd"], swiftSettings: strict),
        .target(name: "TLS", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "HTTP", dependencies: ["CNGHTTP2"], swiftSettings: strict),
        .target(name: "Vocabulary", swiftSettings: strict),
        .target(name: "Models", dependencies: ["Vocabulary"], swiftSettings: strict),
        .target(name: "Dialects", dependencies: ["Vocabulary"], swiftSettings: strict),
        .target(name: "ClaudeCLI", dependencies: ["Vocabulary", "Platform"], swiftSettings: strict),
        .target(name: "Server", dependencies: ["Platform", "TLS", "HTTP", "Vocabulary"], swiftSettings: strict),
        .target(name: "Relay", dependencies: ["Platform", "TLS", "HTTP", "COpenSSL", "CKeys"], swiftSettings: strict),
        .target(name: "Egress", dependencies: ["Platform", "Relay"], swiftSettings: strict),
        .target(name: "Ledger", dependencies: ["CSQLite"], swiftSettings: strict),
        .target(
            name: "Gateway",
            dependencies: [
                "Platform", "TLS", "HTTP", "Vocabulary", "Models", "Dialects", "ClaudeCLI", "Ledger", "Server",
                "Relay", "Egress", "COpenSSL", "CKeys", "CConsole",
            ],
            swiftSettings: strict),

        .executableTarget(name: "portcullis", dependencies: ["Gateway"], swiftSettings: strict),
        .executableTarget(name: "claude-standin", dependencies: ["Vocabulary"], swiftSettings: strict),
        .executableTarget(
            name: "portcullis-bench",
            dependencies: ["CAllocations", "CKeys", "COpenSSL", "ClaudeCLI", "Dialects", "Vocabulary"],
            swiftSettings: strict),

        // What tests of several modules need.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "VocabularyTests", dependencies: ["Vocabulary"], swiftSettings: strict),
        .testTarget(name: "ModelsTests", dependencies: ["Models", "Dialects", "Vocabulary"], swiftSettings: strict),
        .testTarget(name: "HTTPTests", dependencies: ["HTTP", "CNGHTTP2"], swiftSettings: strict),
        .testTarget(
            name: "DialectsTests", dependencies: ["Dialects", "Vocabulary"], exclude: ["Fixtures"],
            swiftSettings: strict),
        .testTarget(
            name: "ClaudeCLITests", dependencies: ["ClaudeCLI", "Vocabulary", "Platform", "TestSupport"],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(name: "PlatformTests", dependencies: ["Platform", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "TLSTests", dependencies: ["TLS", "COpenSSL"], swiftSettings: strict),
        .testTarget(
            name: "ServerTests", dependencies: ["Server", "COpenSSL", "HTTP", "Platform", "TLS", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "RelayTests", dependencies: ["Relay", "HTTP", "Platform", "TLS", "COpenSSL", "TestSupport"],
            swiftSettings: strict),
        .testTarget(name: "EgressTests", dependencies: ["Egress", "Platform", "Relay", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "LedgerTests", dependencies: ["Ledger", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "ClaudeCLI", "COpenSSL", "HTTP", "Ledger", "Models", "Platform", "Relay", "Server", "TLS", "TestSupport",
                "Vocabulary", "claude-standin",
            ],
            swiftSettings: strict),
        .testTarget(name: "ArchitectureTests", dependencies: ["TestSupport"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
