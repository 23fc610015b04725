import Foundation

/// Names that say nothing, words that admit unfinished work, paths of somebody's machine.
enum Words {
    /// What a type's or file's name may not end with.
    static let emptyNouns = ["Manager", "Helper", "Helpers", "Utils", "Utilities", "Common", "Context"]
    // Written in two halves, so that the lint does not find itself.
    static let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "not imple" + "mented", "unimple" + "mented"]
    static let developerPaths = ["/wo" + "rk/", "/ho" + "me/", "/Us" + "ers/", "/fa" + "rm/", "/opt/swift-pack" + "ages"]

    static func nameFindings(in file: Repository.File) -> [Finding] {
        var found: [Finding] = []
        let stem = file.name.split(separator: ".").first.map(String.init) ?? ""
        if let noun = emptyNouns.first(where: stem.hasSuffix) {
            found.append(Finding(path: file.path, line: 1, message: "a file named …\(noun) does not say what is in it"))
        }
        for (index, line) in SwiftText.codeOnly(file.text).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") }
            for (keyword, name) in zip(words, words.dropFirst()) where typeKeywords.contains(keyword) {
                guard let noun = emptyNouns.first(where: name.hasSuffix) else { continue }
                found.append(Finding(path: file.path, line: index + 1, message: "\(name): a type named …\(noun) does not say what it is"))
            }
        }
        return found
    }

    private static let typeKeywords: Set<Substring> = ["class", "struct", "enum", "actor", "protocol", "typealias"]

    static func unfinishedFindings(in file: Repository.File) -> [Finding] {
        lineFindings(in: file, words: unfinished) { "“\($0)”: finish it or leave it out" }
    }

    static func pathFindings(in file: Repository.File) -> [Finding] {
        lineFindings(in: file, words: developerPaths) { "“\($0)” is a path of somebody's machine" }
    }

    private static func lineFindings(in file: Repository.File, words: [String], message: (String) -> String) -> [Finding] {
        guard words.contains(where: file.text.contains) else { return [] }
        return file.lines.enumerated().compactMap { index, line in
            words.first(where: line.contains).map { Finding(path: file.path, line: index + 1, message: message($0)) }
        }
    }
}
