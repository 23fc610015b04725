import Foundation
import MeshConfig
import Testing

@Suite struct DocumentTests {
    private func parse(_ bytes: [UInt8], limit: Int = 1 << 20) throws(DocumentErrors) -> Document {
        try Document(bytes: bytes, file: "x.yaml", limit: limit)
    }

    private func parse(_ text: String) throws(DocumentErrors) -> Document { try parse(Array(text.utf8)) }

    @Test func whatIsNotTextIsRefusedWithItsPlace() {
        let invalid = errors { () throws(DocumentErrors) in try parse(Array("a: 1\nb: ".utf8) + [0xff]) }
        #expect(invalid.first?.line == 2 && invalid.first?.column == 4 && invalid.first?.message == "is not UTF-8")
        let zero = errors { () throws(DocumentErrors) in try parse(Array("a: \0".utf8)) }
        #expect(zero.first?.message == "holds a NUL byte")
        let large = errors { () throws(DocumentErrors) in try parse([UInt8](repeating: 32, count: 101), limit: 100) }
        #expect(large.first?.message == "is larger than 100 bytes")
    }

    enum Tower: CaseIterable {
        case brackets, braces, dashes, indentation

        var text: String {
            switch self {
            case .brackets: String(repeating: "[", count: 100_000)
            case .braces: String(repeating: "{a: ", count: 50_000)
            case .dashes: String(repeating: "- ", count: 50_000)
            case .indentation: (0..<1000).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
            }
        }
    }

    @Test(arguments: Tower.allCases)
    func deepNestingIsRefusedNotFollowed(tower: Tower) {
        let found = errors { () throws(DocumentErrors) in try parse(tower.text) }
        #expect(found.first?.message == "is nested more than 64 levels deep")
    }

    @Test func aliasesAreRefusedSoThatNoneCanBeCyclicOrExpand() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<30 { bomb += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n" }
        for text in [bomb, "a: &a [*a]\n", "a: &a\n  b: *a\n"] {
            let found = errors { () throws(DocumentErrors) in try parse(text) }
            #expect(found.first?.message.contains("anchors and aliases") == true, "\(found)")
        }
    }

    @Test func severalDocumentsInOneFileAreRefused() {
        let found = errors { () throws(DocumentErrors) in try parse("a: 1\n---\nb: 2\n") }
        #expect(found.first?.line == 2, "\(found)")
    }

    @Test func directoriesAndPipesAreRefused() throws {
        let scratch = try Scratch()
        #expect(mkfifo(scratch.path + "/pipe", 0o600) == 0)
        for name in ["", "/pipe", "/absent"] {
            let found = errors { () throws(DocumentErrors) in try Document(file: scratch.path + name, limit: 100) }
            #expect(found.count == 1)
        }
    }

    private static let signs = Array("[]{}:,&*!|>'\"#-\n\t %@".utf8)

    @Test func damagedTextNeverStopsTheReader() throws {
        let seed = Array("node: {name: n, address: 10.0.0.1}\ndns: {upstream: [10.0.0.2, \"[::1]:53\"]}\nlog:\n  level: info\n".utf8)
        var state: UInt64 = 42
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var refused = 0
        for _ in 0..<3000 {
            var bytes = seed
            for _ in 0...random(4) {
                switch random(3) {
                case 0: bytes[random(bytes.count)] = UInt8(random(256))
                case 1: bytes.remove(at: random(bytes.count))
                default: bytes.insert(Self.signs[random(Self.signs.count)], at: random(bytes.count))
                }
            }
            do { _ = try parse(bytes) } catch { refused += 1 }
        }
        #expect(refused > 300)
    }
}
