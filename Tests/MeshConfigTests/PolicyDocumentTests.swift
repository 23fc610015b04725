import Foundation
import MeshConfig
import MeshPolicy
import MeshTypes
import Testing

@Suite struct PolicyDocumentTests {
    private func identity(_ name: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(name)!) }

    private func load(_ scratch: Scratch) throws(DocumentErrors) -> PolicySet {
        try PolicyDocuments.load(
            directory: scratch.path, namespace: "default", aliases: [ServiceName("agent")!: ServiceName("agent-orchestrator")!])
    }

    @Test func readsTheSpecificationsFilesAsTheyStand() throws {
        let scratch = try Scratch()
        try scratch.write(
            """
            # service: wallet
            allow: [usage, chain_rpc]
            deny: [messaging, router, embassy]
            timeouts: {request: 1s}
            retries: {enabled: false}
            mTLS: required
            """, to: "wallet.yaml")
        try scratch.write(
            """
            # service: embassy
            allow: [rwa, usage]
            deny: [wallet, agent, router]
            mTLS: required
            rate_limit: 500/min
            """, to: "embassy.yaml")
        let set = try load(scratch)
        #expect(set.decide(source: identity("wallet"), destination: identity("chain-rpc")).permitted)
        #expect(!set.decide(source: identity("wallet"), destination: identity("storage")).permitted)
        #expect(set.decide(source: identity("messaging"), destination: identity("wallet")).reason == .denied)
        #expect(set.decide(source: identity("agent-orchestrator"), destination: identity("embassy")).reason == .denied)
        let embassy = try #require(set.policies.first { $0.service == ServiceName("embassy") })
        #expect(embassy.rateLimit == ServicePolicy.RateLimit(requests: 500, period: .seconds(60)))
        let wallet = try #require(set.policies.first { $0.service == ServiceName("wallet") })
        #expect(wallet.timeouts.request == .seconds(1) && wallet.retries?.attempts == 0)
    }

    @Test func readsNamesOutsideTheMesh() throws {
        let scratch = try Scratch()
        try scratch.write("allow: [usage]\ndns: {names: [api.stripe.com, \"*.example.com\"]}\n", to: "wallet.yaml")
        try scratch.write("allow: []\ndns: {names: [\"*\"]}\n", to: "crawler.yaml")
        try scratch.write("allow: []\n", to: "closed.yaml")
        let set = try load(scratch)
        #expect(set.foreignNames(of: identity("wallet")) == [.exactly("api.stripe.com"), .below("example.com")])
        #expect(set.foreignNames(of: identity("crawler")) == [.any] && set.foreignNames(of: identity("closed")).isEmpty)
    }

    @Test func blockStyleAndTheServiceKeySayTheSame() throws {
        let scratch = try Scratch()
        try scratch.write("service: wallet\nallow:\n  - usage\n  - service: storage\n    operation: file/read\n", to: "x.yml")
        let set = try load(scratch)
        let decision = set.decide(source: identity("wallet"), destination: identity("usage"))
        #expect(decision.rule == RuleLocation(file: scratch.path + "/x.yml", line: 3, column: 5))
        #expect(set.policies.first?.allow.last?.operation == "file/read")
    }

    @Test(arguments: [
        ("allow: [usage]\nalow: [x]\n", 2, 1, "did you mean \"allow\"?"),
        ("dns: {names: [\"*x.example.com\"]}\n", 1, 15, "*.example.com"),
        ("dns: {name: [a]}\n", 1, 7, "did you mean \"names\"?"),
        ("dns: {names: }\n", 1, 7, "an empty list"),
        ("allow: [usage\n", 2, 1, "check indentation"),
        ("allow: {usage: yes}\n", 1, 8, "[a, b]"),
        ("mTLS: optional\n", 1, 7, "known here: permissive, required"),
        ("mTLS: requierd\n", 1, 7, "did you mean \"required\"?"),
        ("allow: [usage]\nallow: [storage]\n", 1, 1, "keep one"),
        ("rate_limit: often\n", 1, 13, "500/min"),
        ("timeouts: {request: 1 minute}\n", 1, 21, ""),
        ("allow: [Usage!]\n", 1, 9, ""),
        ("a: &x [1]\nb: *x\n", 1, 4, "write the value out"),
        ("", 1, 1, "allow: []"),
        ("allow: [usage]\ndeny:\n", 2, 1, "leave the key out"),
        ("allow: [{service: wallet, operation: }]\n", 1, 27, "leave the key out"),
        ("timeouts: {request: ~}\n", 1, 12, "leave the key out"),
    ])
    func errorsSayWhereAndWhatToDo(text: String, line: Int, column: Int, advice: String) throws {
        let scratch = try Scratch()
        try scratch.write(text, to: "wallet.yaml")
        let found = errors { () throws(DocumentErrors) in try load(scratch) }
        let first = try #require(found.first)
        #expect(first.file == scratch.path + "/wallet.yaml")
        #expect((first.line, first.column) == (line, column), "\(first)")
        #expect(advice.isEmpty || first.suggestion.contains(advice), "\(first)")
    }

    @Test func oneBadFileRefusesTheWholeSetAndAllErrorsAreListed() throws {
        let scratch = try Scratch()
        try scratch.write("allow: [usage]\n", to: "good.yaml")
        try scratch.write("alow: []\ndeni: []\n", to: "bad.yaml")
        try scratch.write("service: good\nallow: []\n", to: "twice.yaml")
        let found = errors { () throws(DocumentErrors) in try load(scratch) }
        #expect(found.count == 3)
        #expect(found.last?.message.contains("second policy for good") == true)
    }

    @Test func aMissingDirectoryIsAnErrorAndAnEmptyOneIsNot() throws {
        let scratch = try Scratch()
        #expect(try load(scratch).policies.isEmpty)
        let found = errors { () throws(DocumentErrors) in
            try PolicyDocuments.load(directory: scratch.path + "/none", namespace: "default")
        }
        #expect(found.first?.message.contains("No such file") == true)
    }

    @Test func aFileThatCannotBeReadRefusesTheSet() throws {
        let scratch = try Scratch()
        try scratch.write("allow: [usage]\n", to: "good.yaml")
        try FileManager.default.createSymbolicLink(atPath: scratch.path + "/gone.yaml", withDestinationPath: "absent")
        try FileManager.default.createDirectory(atPath: scratch.path + "/wallet.yaml", withIntermediateDirectories: false)
        try scratch.write(Data(repeating: UInt8(ascii: "#"), count: PolicyDocuments.maximumSize + 1), to: "zlarge.yaml")
        let found = errors { () throws(DocumentErrors) in try load(scratch) }
        #expect(found.map { $0.file.split(separator: "/").last } == ["gone.yaml", "wallet.yaml", "zlarge.yaml"], "\(found)")
        #expect(found.last?.message.contains("larger than") == true)
    }

    /// Whatever becomes of a file: it is refused with a place, or it says something; the reader survives. Bounded in time, seeded.
    @Test func damagedFilesAreRefusedOrRead() throws {
        let scratch = try Scratch()
        let seed = Array(
            "service: wallet\nallow: [usage, {service: rwa, operation: a/b}]\nretries: {enabled: false}\nrate_limit: 5/s\n".utf8)
        let signs = Array("[]{}:,&*!|>'\"#-\n\r\t %@~?".utf8)
        var state: UInt64 = 7
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let deadline = ContinuousClock.now.advanced(by: .seconds(2))
        var refused = 0
        for round in 0..<2000 where ContinuousClock.now < deadline {
            var bytes = seed
            for _ in 0...random(3) {
                switch random(3) {
                case 0: bytes[random(bytes.count)] = UInt8(random(256))
                case 1: bytes.remove(at: random(bytes.count))
                default: bytes.insert(signs[random(signs.count)], at: random(bytes.count))
                }
            }
            try scratch.write(Data(bytes), to: "wallet.yaml")
            do throws(DocumentErrors) {
                #expect(try load(scratch).policies.count == 1, "seed 7, round \(round)")
            } catch {
                refused += 1
                #expect(!error.errors.isEmpty && error.errors.allSatisfy { $0.file.hasSuffix("wallet.yaml") }, "seed 7, round \(round)")
            }
        }
        #expect(refused > 0)
    }

    @Test func filesBehindTheLinksOfAConfigMapAreRead() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path + "/..1", withIntermediateDirectories: true)
        try scratch.write("allow: [usage]\n", to: "..1/wallet.yaml")
        try FileManager.default.createSymbolicLink(atPath: scratch.path + "/..data", withDestinationPath: "..1")
        try FileManager.default.createSymbolicLink(atPath: scratch.path + "/wallet.yaml", withDestinationPath: "..data/wallet.yaml")
        #expect(try load(scratch).policies.count == 1)
    }
}
