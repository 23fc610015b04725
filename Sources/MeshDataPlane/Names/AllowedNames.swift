package import MeshPolicy
package import MeshProtocols

/// The names outside the mesh that one service may ask for, as look-up tables. Pure.
package struct AllowedNames: Sendable {
    package enum Match: Equatable, Sendable {
        /// The policy file has this very name.
        case exactly
        /// It lies below a wildcard, which leaves so many of its labels, the first ones, to whoever asks.
        case below(free: Int)
        /// An allowed name lies below it: who follows delegations or verifies signatures asks for such.
        case above
        case nothing
    }

    /// What is asked of a name for the sake of names below it, not to find a host.
    package static let zoneTypes: Set<DNSType> = [.ns, .soa, .ds, .dnskey, .rrsig]
    package static let none = AllowedNames([])

    private var allowsAll = false
    private var names: Set<DNSName> = []
    private var zones: Set<DNSName> = []
    private var ancestors: Set<DNSName> = []

    package init(_ entries: [ForeignName]) {
        for entry in entries {
            switch entry {
            case .any: allowsAll = true
            case .exactly(let text):
                guard let name = DNSName(text) else { continue }
                names.insert(name)
                addAncestors(of: name, itself: false)
            case .below(let text):
                guard let name = DNSName(text) else { continue }
                zones.insert(name)
                addAncestors(of: name, itself: true)
            }
        }
    }

    private mutating func addAncestors(of name: DNSName, itself: Bool) {
        let labels = NameLabels(name)
        for start in (itself ? 0 : 1)...labels.count { ancestors.insert(labels.part(start..<labels.count)) }
    }

    /// The narrowest entry counts.
    package func match(_ name: DNSName) -> Match {
        if names.contains(name) { return .exactly }
        let labels = NameLabels(name)
        if !zones.isEmpty, labels.count > 1 {
            for start in 1..<labels.count where zones.contains(labels.part(start..<labels.count)) { return .below(free: start) }
        }
        if allowsAll { return .below(free: labels.count) }
        return ancestors.contains(name) ? .above : .nothing
    }
}
