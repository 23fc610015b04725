import Foundation

/// Every folder is a target and every target a folder: nothing lies about that no build sees.
enum Targets {
    /// The names that the manifest declares: what stands in quotes behind one of its calls, however the lines are broken.
    static func declared(in manifest: String) -> Set<String> {
        var names: Set<String> = []
        let text = manifest.filter { !$0.isWhitespace }
        for call in ["mesh(", "program(", "tests(", "target(name:", "Target(name:"] {
            for piece in text.components(separatedBy: call).dropFirst() where piece.first == "\"" {
                names.insert(String(piece.dropFirst().prefix { $0 != "\"" }))
            }
        }
        return names
    }

    static func findings(in file: Repository.File, declared: Set<String>) -> [Finding] {
        let parts = file.path.split(separator: "/")
        if parts.count < 3 { return [Finding(path: file.path, line: 1, message: "lies in no target's folder")] }
        guard declared.contains(file.target) else {
            return [Finding(path: file.path, line: 1, message: "Package.swift declares no target \(file.target)")]
        }
        let code = SwiftText.codeOnly(file.text)
        if file.path.hasSuffix(".swift"), !code.contains(where: { !$0.isWhitespace }) {
            return [Finding(path: file.path, line: 1, message: "holds no code")]
        }
        return []
    }
}
