import Foundation

/// Byte streams that are kept as files of hexadecimal text; what follows `#` on a line says what they are.
enum Corpus {
    /// `hbone/<name>.hex` without the suffix, sorted.
    static let names = list("hbone")
    static let messages = list("dns")

    static func bytes(_ name: String, in folder: String = "hbone") throws -> [UInt8] {
        let text = try String(contentsOf: directory(folder).appendingPathComponent("\(name).hex"), encoding: .utf8)
        let digits = text.split(separator: "\n").flatMap { $0.prefix { $0 != "#" }.filter { !$0.isWhitespace } }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0..<$0 + 2]), radix: 16)! }
    }

    static func text(_ name: String, in folder: String) throws -> String {
        try String(contentsOf: directory(folder).appendingPathComponent(name), encoding: .utf8)
    }

    private static func list(_ folder: String) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory(folder).path)) ?? []
        return files.filter { $0.hasSuffix(".hex") }.map { String($0.dropLast(4)) }.sorted()
    }

    private static func directory(_ folder: String) -> URL {
        Bundle.module.resourceURL!.appendingPathComponent("Corpus").appendingPathComponent(folder)
    }
}
