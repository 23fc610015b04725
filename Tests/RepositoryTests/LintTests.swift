import Testing

/// Each rule of the lint, shown something that it must object to and something that it must let pass.
struct LintTests {
    private func source(_ target: String, _ text: String, name: String = "Some.swift") -> Repository.File {
        Repository.File(path: "Sources/\(target)/\(name)", text: text)
    }

    @Test(arguments: [
        ("MeshTypes", "import MeshSystem"), ("MeshSystem", "package import MeshControl"), ("MeshPolicy", "import MeshSystem"),
        ("MeshDataPlane", "import Foundation"), ("MeshTLS", "@preconcurrency import FoundationEssentials"),
        ("MeshDataPlane", "import COpenSSL"), ("MeshControl", "import struct MeshLab.Lab"), ("MeshUnknown", "let a = 1"),
        ("MeshAdmin", "import myelind"),
    ])
    func objectsToImport(target: String, text: String) {
        #expect(!Layers.findings(in: source(target, text)).isEmpty)
    }

    @Test(arguments: [
        ("MeshSystem", "import MeshTypes\nimport CLinux\nimport Glibc"), ("MeshControl", "import Foundation\nimport MeshDataPlane"),
        ("MeshTypes", "// import MeshControl\nlet text = \"import MeshControl\""), ("MeshTLS", "internal import COpenSSL"),
    ])
    func permitsImport(target: String, text: String) {
        #expect(Layers.findings(in: source(target, text)) == [])
    }

    @Test func measuresFunctions() {
        let body = String(repeating: "    work()\n", count: 60)
        let text = """
            protocol P { func required(); init(a: Int) }
            struct S: P {
                let text = "func no() { \\(call("}")) {"
                func required() {}
                init(a: Int) { self.init(b: a) }
                func long<T>(_ x: (T) -> Void = { _ in }) where T: P {
            \(body)    }
            }
            """
        let functions = Sizes.functions(in: text)
        #expect(functions.map(\.name) == ["required", "init", "long"])
        #expect(functions.map(\.length) == [1, 1, 62])
        #expect(Sizes.functionFindings(in: source("MeshTypes", text)).map(\.line) == [6])
    }

    @Test func measuresFiles() {
        #expect(Sizes.fileFindings(in: source("MeshTypes", String(repeating: "x\n", count: 501))).count == 1)
        #expect(Sizes.fileFindings(in: source("MeshTypes", String(repeating: "x\n", count: 500))) == [])
    }

    @Test func ignoresStringsAndComments() {
        let text = ##"""
            let a = "{ \(b["}"]) {" // {
            /* { /* { */ } */
            let c = #"{"\#(d("{"))"#
            let e = """
                { " {
                """
            func f() { }
            """##
        let code = SwiftText.codeOnly(text)
        #expect(code.filter { $0 == "{" }.count == 1)
        #expect(code.filter { $0 == "}" }.count == 1)
        #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count == 7)
    }

    @Test func objectsToEmptyNouns() {
        #expect(Words.nameFindings(in: source("MeshTypes", "final class SocketManager {}")).count == 1)
        #expect(Words.nameFindings(in: source("MeshTypes", "typealias FlowContext = Int")).count == 1)
        #expect(Words.nameFindings(in: source("MeshTypes", "struct A {}", name: "StringUtils.swift")).count == 1)
        #expect(Words.nameFindings(in: source("MeshTypes", "struct ContextFreeGrammar {} // class Manager")) == [])
    }

    @Test func objectsToUnfinishedWork() {
        #expect(Words.unfinishedFindings(in: source("MeshTypes", "a\n// TO" + "DO later")).map(\.line) == [2])
    }

    @Test func objectsToDeveloperPaths() {
        #expect(Words.pathFindings(in: source("MeshTypes", "let path = \"/ho" + "me/me/myelin\"")).count == 1)
    }

    @Test func objectsToStrayFiles() {
        let declared = Targets.declared(in: "        mesh(\n  \"MeshTypes\"),\n .target(name: \"CLinux\"),")
        #expect(declared == ["MeshTypes", "CLinux"])
        #expect(Targets.findings(in: source("MeshGone", "let a = 1"), declared: declared).count == 1)
        #expect(Targets.findings(in: source("MeshTypes", "// nothing"), declared: declared).count == 1)
        #expect(Targets.findings(in: Repository.File(path: "Sources/Stray.swift", text: "let a = 1"), declared: declared).count == 1)
        #expect(Targets.findings(in: source("MeshTypes", "let a = 1"), declared: declared) == [])
    }

    @Test func readsTheKernelsReasons() {
        #expect(KernelReasons.values(in: "\tMYELIN_REASON_DENIED = 2,           /* a deny rule */\n") == ["DENIED": 2])
    }
}
