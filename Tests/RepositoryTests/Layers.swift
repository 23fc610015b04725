/// Who may import whom: every module imports only modules that stand above it in this table.
enum Layers {
    /// From the ground up. Programs stand at the end and are imported by nobody.
    static let order = [
        "MeshTypes", "MeshSystem", "MeshBPF", "MeshTLS", "MeshRuntime", "MeshProtocols", "MeshResilience", "MeshBalancing",
        "MeshRouting", "MeshPolicy", "MeshSnapshot", "MeshTelemetry", "MeshDataPlane", "MeshIdentity", "MeshWorkloadAPI", "MeshLimits",
        "MeshConfig", "MeshRegistry", "MeshStores", "MeshAdmin", "MeshAuthority", "MeshControl", "MeshLab",
        "myelind", "myelinctl", "myelin-lab", "myelin-load", "myelin-bench",
    ]
    /// Each C target has one importer.
    static let importerOfC = [
        "CLinux": "MeshSystem", "CBPF": "MeshBPF", "CMyelinABI": "MeshBPF", "COpenSSL": "MeshTLS", "CNGHTTP2": "MeshProtocols",
    ]
    /// What runs per event or decides purely stays free of Foundation.
    static let withoutFoundation: Set<String> = [
        "MeshTypes", "MeshSystem", "MeshRuntime", "MeshTLS", "MeshProtocols", "MeshResilience", "MeshBalancing", "MeshRouting",
        "MeshPolicy", "MeshSnapshot", "MeshDataPlane", "MeshBPF",
    ]
    /// Pure decisions import values only: no sockets, no clocks, no files.
    static let pure: [String: Set<String>] = [
        "MeshTypes": [], "MeshResilience": [], "MeshBalancing": ["MeshTypes", "MeshResilience", "Glibc"],
        "MeshRouting": ["MeshProtocols"], "MeshPolicy": ["MeshTypes", "MeshResilience", "MeshBalancing", "MeshRouting"],
    ]

    /// The modules that `text` imports, with their lines.
    static func imports(of text: String) -> [(module: String, line: Int)] {
        var found: [(String, Int)] = []
        for (index, line) in SwiftText.codeOnly(text).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count else { continue }
            guard words[..<keyword].allSatisfy({ $0.hasPrefix("@") || accessLevels.contains($0) }) else { continue }
            var name = words[keyword + 1]
            if kinds.contains(name), keyword + 2 < words.count { name = words[keyword + 2] }
            found.append((String(name.split(separator: ".").first ?? name), index + 1))
        }
        return found
    }

    private static let accessLevels: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
    private static let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let", "actor"]

    static func findings(in file: Repository.File) -> [Finding] {
        let target = file.target
        guard let rank = order.firstIndex(of: target) else {
            return [Finding(path: file.path, line: 1, message: "target \(target) has no place in the table of layers (Layers.swift)")]
        }
        return imports(of: file.text).compactMap { module, line in
            objection(to: module, in: target, rank: rank).map { Finding(path: file.path, line: line, message: $0) }
        }
    }

    private static func objection(to module: String, in target: String, rank: Int) -> String? {
        if module.hasPrefix("Foundation"), withoutFoundation.contains(target) { return "\(target) does without \(module)" }
        if let owner = importerOfC[module] {
            return owner == target ? nil : "\(module) is imported by \(owner) only, not by \(target)"
        }
        guard let other = order.firstIndex(of: module) else { return nil }
        if other >= rank { return "\(target) imports \(module), which lies above it: imports point downwards" }
        if let permitted = pure[target], !permitted.contains(module) { return "\(target) is pure and does not import \(module)" }
        return nil
    }
}
