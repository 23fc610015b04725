/// Where something runs, from the widest to the narrowest. Empty strings mean "not known" and match nothing.
package struct Locality: Hashable, Sendable {
    package let region: String
    package let zone: String
    package let node: String

    package init(region: String, zone: String, node: String) {
        self.region = region
        self.zone = zone
        self.node = node
    }

    /// How far away `other` is, nearest first.
    package func distance(to other: Locality) -> Distance {
        if !node.isEmpty, node == other.node { return .node }
        if !zone.isEmpty, zone == other.zone { return .zone }
        if !region.isEmpty, region == other.region { return .region }
        return .elsewhere
    }

    package enum Distance: Int, Sendable, Comparable, CaseIterable {
        case node, zone, region, elsewhere
        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }
}
