// swift-tools-version: 6.1
import PackageDescription

/// Settings of every Swift target: Swift 6 language mode, explicit existentials, imports internal unless said otherwise.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .unsafeFlags(["-warnings-as-errors"]),
    // Slabs, random numbers and sets are generic and live below the data path: without this it calls them unspecialised (decision 0012).
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

/// The data path keeps its state in one thread's hands; checking each access at run time was 2 % of a worker (decision 0012).
let dataPathSettings = settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

func mesh(_ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = settings) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")

let package = Package(
    name: "myelin",
    products: [
        .executable(name: "myelind", targets: ["myelind"]),
        .executable(name: "myelinctl", targets: ["myelinctl"]),
        .executable(name: "myelin-lab", targets: ["myelin-lab"]),
        .executable(name: "myelin-load", targets: ["myelin-load"]),
        .executable(name: "myelin-bench", targets: ["myelin-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    ],
    targets: [
        // C: what the kernel programs and Swift share, and shims of what Swift cannot import.
        .target(name: "CMyelinABI", path: "bpf/abi"),
        .target(name: "CLinux"),
        .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "CBPF", linkerSettings: [.linkedLibrary("bpf"), .linkedLibrary("elf"), .linkedLibrary("z")]),
        .target(name: "CNGHTTP2", linkerSettings: [.linkedLibrary("nghttp2")]),

        // Imports point downwards only; Tests/RepositoryTests enforces the order of this list.
        mesh("MeshTypes"),
        mesh("MeshSystem", ["MeshTypes", "CLinux"]),
        mesh("MeshBPF", ["MeshTypes", "MeshSystem", "CBPF", "CMyelinABI"]),
        mesh("MeshTLS", ["MeshTypes", "COpenSSL"]),
        mesh("MeshRuntime", ["MeshTypes", "MeshSystem"]),
        mesh("MeshProtocols", ["MeshTypes", "CNGHTTP2"]),
        mesh("MeshResilience", ["MeshTypes"]),
        mesh("MeshBalancing", ["MeshTypes", "MeshResilience"]),
        mesh("MeshRouting", ["MeshTypes", "MeshProtocols"]),
        mesh("MeshPolicy", ["MeshTypes", "MeshResilience", "MeshBalancing", "MeshRouting"]),
        mesh("MeshSnapshot", ["MeshTypes", "MeshPolicy", "MeshTLS"]),
        mesh("MeshTelemetry", ["MeshTypes"]),
        mesh(
            "MeshDataPlane",
            [
                "MeshTypes", "MeshSystem", "MeshBPF", "MeshTLS", "MeshRuntime", "MeshProtocols", "MeshResilience", "MeshBalancing",
                "MeshRouting", "MeshPolicy", "MeshSnapshot", "MeshTelemetry",
            ], settings: dataPathSettings),
        mesh("MeshIdentity", ["MeshTypes", "MeshSystem", "MeshTLS", x509, asn1, crypto]),
        mesh(
            "MeshWorkloadAPI",
            ["MeshTypes", "MeshSystem", "MeshTLS", "MeshIdentity", x509, asn1, crypto, nioCore, nioPosix, nioHTTP2]),
        mesh("MeshLimits", ["MeshResilience", crypto, nioCore, nioPosix, nioSSL]),
        mesh("MeshConfig", ["MeshTypes", "MeshResilience", "MeshBalancing", "MeshRouting", "MeshPolicy", yams]),
        mesh("MeshRegistry", ["MeshTypes", "MeshSystem", "MeshPolicy", "MeshConfig"]),
        mesh(
            "MeshStores",
            [
                "MeshTypes", "MeshTLS", "MeshProtocols", "MeshPolicy", "MeshIdentity", "MeshConfig", "MeshRegistry", httpClient, nioCore,
                nioPosix,
                nioSSL,
            ]),
        mesh(
            "MeshAdmin",
            ["MeshTypes", "MeshSystem", "MeshRuntime", "MeshTelemetry", hummingbird, httpClient, logging, nioCore, nioHTTP1, nioPosix]),
        mesh(
            "MeshAuthority",
            ["MeshTypes", "MeshTLS", "MeshIdentity", "MeshAdmin", hummingbird, httpClient, nioCore, nioSSL, nioTLS, logging]),
        mesh(
            "MeshControl",
            [
                "MeshTypes", "MeshSystem", "MeshRuntime", "MeshBPF", "MeshTLS", "MeshResilience", "MeshBalancing", "MeshPolicy",
                "MeshSnapshot", "MeshDataPlane", "MeshIdentity", "MeshWorkloadAPI", "MeshLimits",
                "MeshConfig", "MeshRegistry", "MeshStores", "MeshTelemetry", "MeshAdmin", "MeshAuthority", logging,
            ]),
        mesh("MeshLab", ["MeshTypes", "MeshSystem"]),

        program("myelind", ["MeshTypes", "MeshSystem", "MeshIdentity", "MeshConfig", "MeshControl", arguments, logging]),
        program("myelinctl", ["MeshTypes", "MeshConfig", "MeshRegistry", "MeshAdmin", "MeshTelemetry", "MeshSystem", arguments]),
        program("myelin-lab", ["MeshLab", arguments]),
        program("myelin-load", ["MeshTypes", "MeshSystem", arguments, crypto]),
        program("myelin-bench", ["MeshTypes", "MeshIdentity", "MeshRegistry", "MeshStores", "MeshLab", arguments]),

        // What must hold of every input: replayed by the tests, and run by the driver that `make fuzz` builds.
        .target(
            name: "FuzzProperties",
            dependencies: ["MeshTypes", "MeshProtocols", "MeshRuntime", "MeshPolicy", "MeshConfig", "MeshDataPlane"],
            path: "Fuzz/FuzzProperties", swiftSettings: settings),

        tests("RepositoryTests", ["MeshTypes"]),
        tests("MeshTypesTests", ["MeshTypes"]),
        tests("MeshSystemTests", ["MeshSystem"]),
        tests("MeshBPFTests", ["MeshTypes", "MeshSystem", "MeshBPF", "MeshLab"]),
        tests("MeshTLSTests", ["MeshTypes", "MeshTLS", "MeshIdentity", x509, asn1, crypto]),
        tests("MeshRuntimeTests", ["MeshRuntime"]),
        tests("MeshProtocolsTests", ["MeshTypes", "MeshProtocols"], resources: [.copy("Corpus")]),
        tests("MeshResilienceTests", ["MeshResilience"]),
        tests("MeshBalancingTests", ["MeshTypes", "MeshResilience", "MeshBalancing"]),
        tests("MeshRoutingTests", ["MeshTypes", "MeshProtocols", "MeshRouting"]),
        tests("MeshPolicyTests", ["MeshPolicy"]),
        tests("MeshSnapshotTests", ["MeshSnapshot"]),
        tests("MeshTelemetryTests", ["MeshTypes", "MeshTelemetry"]),
        tests(
            "MeshDataPlaneTests",
            [
                "MeshTypes", "MeshSystem", "MeshRuntime", "MeshBPF", "MeshProtocols", "MeshResilience", "MeshBalancing", "MeshRouting",
                "MeshPolicy",
                "MeshTLS", "MeshSnapshot", "MeshTelemetry", "MeshDataPlane", "MeshIdentity", "MeshLimits",
            ]),
        tests("MeshIdentityTests", ["MeshTypes", "MeshTLS", "MeshIdentity", x509, asn1, crypto]),
        tests("MeshAuthorityTests", ["MeshTypes", "MeshTLS", "MeshIdentity", "MeshAuthority", logging]),
        tests(
            "MeshWorkloadAPITests", ["MeshTypes", "MeshSystem", "MeshTLS", "MeshIdentity", "MeshWorkloadAPI", x509, asn1, crypto, nioHTTP2]),
        tests("MeshLimitsTests", ["MeshResilience", "MeshLimits"]),
        tests("MeshConfigTests", ["MeshTypes", "MeshResilience", "MeshBalancing", "MeshRouting", "MeshPolicy", "MeshConfig", "MeshLab"]),
        tests("MeshRegistryTests", ["MeshTypes", "MeshSystem", "MeshPolicy", "MeshConfig", "MeshRegistry"]),
        tests(
            "MeshStoresTests",
            ["MeshTypes", "MeshSystem", "MeshTLS", "MeshPolicy", "MeshIdentity", "MeshConfig", "MeshRegistry", "MeshStores"]),
        tests("MeshAdminTests", ["MeshTypes", "MeshTelemetry", "MeshAdmin", "myelinctl", httpClient, nioCore, nioHTTP1, logging]),
        tests(
            "MeshControlTests",
            [
                "MeshTypes", "MeshBalancing", "MeshPolicy", "MeshBPF", "MeshSnapshot", "MeshConfig", "MeshRegistry", "MeshControl",
                "MeshAdmin",
                "MeshTelemetry", logging,
            ]),
        tests("FuzzPropertiesTests", ["FuzzProperties"]),
        tests(
            "NodeTests", ["MeshTypes", "MeshSystem", "MeshIdentity", "MeshWorkloadAPI", "MeshLab", "MeshAdmin"],
            resources: [.copy("Peers")]),
    ]
)

// `make fuzz` alone builds this: it names libFuzzer's runtime, which not every toolchain has.
if let runtime = Context.environment["MYELIN_FUZZ_RUNTIME"] {
    package.products.append(.executable(name: "FuzzDriver", targets: ["FuzzDriver"]))
    package.targets += [
        .target(name: "CFuzzer", path: "Fuzz/CFuzzer"),
        .executableTarget(
            name: "FuzzDriver", dependencies: ["CFuzzer", "FuzzProperties"], path: "Fuzz/FuzzDriver", swiftSettings: settings,
            linkerSettings: [.unsafeFlags([runtime, "-lstdc++"])]),
    ]
}
