package import MeshTypes

extension NodeConfiguration {
    /// `registry:`; where records come from (R2.2), beside the daemon's own embedded registry and `discovery:`, which are always there.
    package struct Registry: Sendable {
        package static let defaultFiles = "/etc/myelin/registry"
        package static let defaultGrace = Duration.seconds(3600)

        /// A directory or a file; nil for none.
        package var files: String? = defaultFiles
        /// The source that comes first wins a conflict; those that are not named follow in the order of `SourceName.Kind`.
        package var order: [SourceName] = []
        package var stores = Stores()
        /// A source that has lost its records at once must say so for this long before it is believed.
        package var lossGrace = defaultGrace

        package init() {}

        /// The sources that this node reads, as far as their configuration tells.
        package var describedSources: String { files ?? "its sources" }

        /// `names` in order of precedence.
        package func ranked(_ names: some Sequence<SourceName>) -> [SourceName] {
            names.map { (rank: rank($0), name: $0) }.sorted { ($0.rank, $0.name) < ($1.rank, $1.name) }.map(\.name)
        }

        private func rank(_ name: SourceName) -> Int {
            if let exact = order.firstIndex(of: name) ?? order.firstIndex(where: { $0.instance.isEmpty && $0.kind == name.kind }) {
                return exact
            }
            return order.count + (SourceName.Kind.allCases.firstIndex(of: name.kind) ?? 0)
        }
    }
}

/// Reads `registry:` of `node.yaml`: the path of the files, or a mapping that names several sources.
enum RegistryDocument {
    private static let keys = ["files", "order", "loss_grace"] + StoresDocument.keys

    static func registry(_ value: DocumentValue, namespace: String) -> NodeConfiguration.Registry {
        var registry = NodeConfiguration.Registry()
        guard value.isMapping else {
            if let path = value.absolutePath() { registry.files = path }
            return registry
        }
        guard let mapping = value.mapping(keys: keys) else { return registry }
        registry.files = mapping["files"]?.absolutePath()
        registry.stores = StoresDocument.stores(mapping, namespace: namespace)
        registry.order = mapping["order"].map(order) ?? []
        if let grace = mapping["loss_grace"]?.duration(in: .seconds(1) ... .seconds(24 * 3600)) { registry.lossGrace = grace }
        return registry
    }

    private static func order(_ value: DocumentValue) -> [SourceName] {
        var names: [SourceName] = []
        for element in value.list() ?? [] {
            guard let text = element.text() else { continue }
            guard let name = SourceName(text) else {
                let known = SourceName.Kind.allCases.map(\.rawValue)
                element.report("is \"\(Excerpt.of(text))\", where a source is expected", Suggestion.text(for: text, among: known))
                continue
            }
            if names.contains(name) { element.report("names \(name) twice", "keep one of them") }
            names.append(name)
        }
        return names
    }
}

extension NodeConfiguration.Registry {
    /// As `load` reads it.
    func rendered(quoted: (String) -> String) -> [String] {
        var lines = ["registry:"]
        if let files { lines.append("  files: \(quoted(files))") }
        lines.append("  order: [\(order.map(\.description).joined(separator: ", "))]")
        lines.append("  loss_grace: \(lossGrace.short)")
        lines += stores.rendered(quoted: quoted)
        return lines
    }
}
