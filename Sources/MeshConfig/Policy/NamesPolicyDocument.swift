internal import MeshPolicy

/// Reads `dns:` of a policy file: which names outside the mesh the service may ask for.
enum NamesPolicyDocument {
    /// More are a sign of a list that is made by a program: a wildcard says the same.
    private static let maximumNames = 1024

    static func names(_ value: DocumentValue) -> [ForeignName] {
        guard let mapping = value.completeMapping(keys: ["names"]), let entries = mapping["names"]?.list() else { return [] }
        if entries.count > maximumNames {
            value.report("names \(entries.count) names, where \(maximumNames) are the most", "write *.example.com for all below a name")
        }
        return entries.compactMap(name)
    }

    private static func name(_ value: DocumentValue) -> ForeignName? {
        guard let text = value.string() else { return nil }
        if let name = ForeignName(text) { return name }
        value.report(
            "\"\(Excerpt.of(text))\" is no name",
            "write api.example.com for one name, *.example.com for all below it, or \"*\" for every name"
        )
        return nil
    }
}
