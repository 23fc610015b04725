import MeshTypes
import Testing

/// The rules of the repository that a compiler does not know.
struct RepositoryTests {
    private let swift = Repository.sources + Repository.tests

    @Test func findsTheRepository() {
        #expect(Repository.sources.count > 30)
        #expect(!Repository.kernel.isEmpty)
        #expect(Repository.documents.allSatisfy { !$0.text.isEmpty })
    }

    @Test func importsPointDownwards() {
        #expect(Repository.sources.flatMap(Layers.findings) == [])
    }

    @Test func everyLayerIsATarget() {
        let declared = Targets.declared(in: Repository.read("Package.swift"))
        let swiftTargets = declared.filter { $0.hasPrefix("Mesh") || $0.hasPrefix("myelin") }.filter { !$0.hasSuffix("Tests") }
        #expect(swiftTargets == Set(Layers.order))
    }

    @Test func everyFileBelongsToATarget() {
        let declared = Targets.declared(in: Repository.read("Package.swift"))
        #expect((swift + Repository.shims).flatMap { Targets.findings(in: $0, declared: declared) } == [])
    }

    @Test func filesStayShort() {
        #expect((swift + Repository.kernel + Repository.shims).flatMap(Sizes.fileFindings) == [])
    }

    @Test func functionsStayShort() {
        #expect(swift.flatMap(Sizes.functionFindings) == [])
    }

    @Test func namesSaySomething() {
        #expect(swift.flatMap(Words.nameFindings) == [])
    }

    @Test func nothingIsLeftUnfinished() {
        #expect((swift + Repository.kernel + Repository.shims + Repository.documents).flatMap(Words.unfinishedFindings) == [])
    }

    @Test func noPathsOfSomebodysMachine() {
        #expect((swift + Repository.kernel + Repository.shims + Repository.documents).flatMap(Words.pathFindings) == [])
    }

    /// The one configuration that is built, release, has no testing symbols; `package` access is enough.
    @Test func testsUsePackageAccess() {
        #expect(Repository.tests.filter { $0.text.contains("\n@test" + "able ") }.map(\.path) == [])
    }

    /// What lacks its ground is skipped for a user, and fails in CI.
    @Test func noTestIsSkippedInCI() {
        let mark = ".enabled(" + "if:"
        let skipped = Repository.tests.flatMap { file in
            file.text.split(separator: "\n").filter { $0.contains(mark) && !$0.contains("environment[\"CI\"]") }.map {
                "\(file.path): \($0)"
            }
        }
        #expect(skipped == [])
    }

    @Test func kernelFilesNameTheirLicence() {
        #expect(
            Repository.kernel.filter { !$0.text.prefix(200).contains("SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause") }.map(\.path)
                == [])
    }

    @Test(arguments: DenialReason.allCases.filter { $0 != .none })
    func everyDenialIsDocumented(reason: DenialReason) {
        #expect(Repository.read("docs/denials.md").contains("| `\(reason.code)` |"), "docs/denials.md does not explain `\(reason.code)`")
    }

    @Test func kernelAndDaemonCallDenialsAlike() {
        let reasons = KernelReasons.values(in: Repository.read("bpf/abi/include/myelin_abi.h"))
        #expect(!reasons.isEmpty)
        for (name, value) in reasons {
            #expect(DenialReason(rawValue: value) != nil, "MYELIN_REASON_\(name) = \(value) has no DenialReason")
        }
        let inKernel = Set(reasons.values)
        #expect(DenialReason.allCases.filter { $0.rawValue < 64 && !inKernel.contains($0.rawValue) } == [])
    }
}

/// `enum myelin_reason` of the header shared with the kernel programs.
enum KernelReasons {
    static func values(in header: String) -> [String: UInt8] {
        var values: [String: UInt8] = [:]
        for line in header.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "," }
            guard words.count >= 3, words[0].hasPrefix("MYELIN_REASON_"), words[1] == "=", let value = UInt8(words[2]) else { continue }
            values[String(words[0].dropFirst("MYELIN_REASON_".count))] = value
        }
        return values
    }
}
