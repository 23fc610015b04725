import Foundation

/// The checked-out tree, as the lint sees it.
enum Repository {
    /// One text file of the tree; `path` is relative to the root.
    struct File {
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        /// The target's folder: `MeshTypes` for `Sources/MeshTypes/Node.swift`.
        var target: String {
            let parts = path.split(separator: "/")
            return parts.count > 1 ? String(parts[1]) : ""
        }
        var name: String { String(path.split(separator: "/").last ?? "") }
    }

    /// Where the package lies: the working directory of `swift test`, else where this file was compiled.
    static let root: URL = {
        let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        if FileManager.default.fileExists(atPath: here.appendingPathComponent("Package.swift").path) { return here }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }()

    /// All files below `folders` whose name ends in one of `suffixes`; build products and hidden folders left out.
    static func files(below folders: [String], suffixes: [String]) -> [File] {
        var found: [File] = []
        for folder in folders {
            let base = root.appendingPathComponent(folder)
            guard let walk = FileManager.default.enumerator(atPath: base.path) else { continue }
            for case let relative as String in walk where suffixes.contains(where: relative.hasSuffix) {
                let path = folder + "/" + relative
                if path.hasPrefix("bpf/build/") || path.contains("/.") || path.hasSuffix("/vmlinux.h") { continue }
                found.append(File(path: path, text: read(path)))
            }
        }
        return found.sorted { $0.path < $1.path }
    }

    static func read(_ path: String) -> String {
        (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)) ?? ""
    }

    static let sources = files(below: ["Sources"], suffixes: [".swift"])
    static let tests = files(below: ["Tests", "Fuzz"], suffixes: [".swift"])
    static let kernel = files(below: ["bpf"], suffixes: [".c", ".h"])
    static let shims = files(below: ["Sources", "Fuzz"], suffixes: [".c", ".h"])
    static let documents =
        files(below: ["docs", "systemd", "scripts", "LICENSES"], suffixes: [".md", ".service", ".sh", ".yaml"])
        + ["README.md", "CHANGELOG.md", "Makefile", "Package.swift", ".ci/run"].map { File(path: $0, text: read($0)) }
}

/// One thing that the lint objects to. Prints as `path:line: message`, which editors can follow.
struct Finding: CustomStringConvertible, Equatable {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}
