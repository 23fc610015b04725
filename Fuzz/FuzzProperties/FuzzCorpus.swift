package import Foundation

/// The inputs that are kept of a target: `Corpus/<target>.hex`, one a line in hexadecimal digits; and those that once failed, each as a file
/// in `Crashes/<target>`, as the fuzzer writes them.
package struct FuzzCorpus {
    private let directory: URL
    private let target: FuzzTarget

    /// - Parameter directory: the repository's `Fuzz`.
    package init(_ target: FuzzTarget, in directory: URL) {
        self.target = target
        self.directory = directory
    }

    private var file: URL { directory.appendingPathComponent("Corpus/\(target.rawValue).hex") }

    package func inputs() throws -> [[UInt8]] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }.map(Self.bytes)
    }

    /// By file name, without hidden ones.
    package func failures() throws -> [(name: String, bytes: [UInt8])] {
        let folder = directory.appendingPathComponent("Crashes/\(target.rawValue)")
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted().map {
            ($0, try [UInt8](Data(contentsOf: folder.appendingPathComponent($0))))
        }
    }

    /// Writes each input as a file of its own, as libFuzzer wants them.
    package func unpack(into folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (index, input) in try inputs().enumerated() {
            try Data(input).write(to: folder.appendingPathComponent("seed-\(index)"))
        }
    }

    /// Keeps the files of `folder` instead of what was kept: the short ones first, up to `limit` bytes in all.
    package func pack(_ folder: URL, limit: Int) throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let inputs = try files.map { try [UInt8](Data(contentsOf: folder.appendingPathComponent($0))) }
        var lines: [String] = []
        var total = 0
        for input in inputs.sorted(by: { ($0.count, Self.digits($0)) < ($1.count, Self.digits($1)) }) where !input.isEmpty {
            total += input.count
            if total > limit { break }
            lines.append(Self.digits(input))
        }
        try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
    }

    private static func digits(_ bytes: [UInt8]) -> String {
        let alphabet = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [alphabet[Int($0 >> 4)], alphabet[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func bytes(_ line: Substring) throws -> [UInt8] {
        let digits = try line.utf8.map { digit -> UInt8 in
            guard let value = Character(UnicodeScalar(digit)).hexDigitValue else { throw NotHexadecimal(line: String(line.prefix(40))) }
            return UInt8(value)
        }
        guard digits.count % 2 == 0 else { throw NotHexadecimal(line: String(line.prefix(40))) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private struct NotHexadecimal: Error { let line: String }
}
