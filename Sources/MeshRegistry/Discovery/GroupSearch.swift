internal import Glibc
internal import MeshConfig
internal import MeshSystem

/// Looks for the process groups that rules of `discovery:` name.
struct GroupSearch {
    /// Directories that one search looks at; more are not found.
    static let maximumDirectories = 50_000
    /// Below the root, of units; systemd's slices are rarely deeper than three.
    private static let maximumDepth = 8

    /// A process group that matches.
    struct Found: Hashable {
        /// Index of its rule; of several, the first.
        let rule: Int
        /// Below the cgroup v2 mount, with a leading slash.
        let path: String
        let variables: [String: String]
    }

    /// The cgroup v2 mount.
    let root: String
    private(set) var found: [Found] = []
    private(set) var looked = 0
    private var known: Set<String> = []

    init(root: String) { self.root = root }

    var isCutOff: Bool { looked >= Self.maximumDirectories }

    mutating func search(_ rules: [DiscoveryRule]) {
        for (index, rule) in rules.enumerated() {
            switch rule.place {
            case .cgroup(let names): descend("", names[...], index, [:])
            case .unit(let name): descend("", slicesFor: name, index, depth: 0)
            }
        }
    }

    private mutating func descend(_ path: String, _ names: ArraySlice<NamePattern>, _ rule: Int, _ variables: [String: String]) {
        guard let pattern = names.first else { return note(path, rule, variables) }
        if let only = pattern.onlyName {
            looked += 1
            guard access(root + path + "/" + only, F_OK) == 0 else { return }
            return descend(path + "/" + only, names.dropFirst(), rule, variables)
        }
        for name in directories(in: path) {
            guard let more = pattern.match(name) else { continue }
            descend(path + "/" + name, names.dropFirst(), rule, variables.merging(more) { first, _ in first })
        }
    }

    /// Units lie in slices, and slices in slices; what a unit makes below itself is its own affair.
    private mutating func descend(_ path: String, slicesFor pattern: NamePattern, _ rule: Int, depth: Int) {
        for name in directories(in: path) {
            if let variables = pattern.match(name) {
                note(path + "/" + name, rule, variables)
            } else if name.hasSuffix(".slice"), depth < Self.maximumDepth {
                descend(path + "/" + name, slicesFor: pattern, rule, depth: depth + 1)
            }
        }
    }

    private mutating func note(_ path: String, _ rule: Int, _ variables: [String: String]) {
        if known.insert(path).inserted { found.append(Found(rule: rule, path: path, variables: variables)) }
    }

    private mutating func directories(in path: String) -> [String] {
        guard !isCutOff else { return [] }
        let names = ControlGroup.children(ofDirectory: root + path)
        looked += names.count
        return names
    }
}
