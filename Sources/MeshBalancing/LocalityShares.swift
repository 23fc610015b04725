internal import MeshTypes

/// How much of the traffic each distance takes: the nearest all of it while enough of it is well, then the rest gradually the next.
struct LocalityShares {
    /// Of each distance: what is well, what of that is warm, and all.
    private var well = (0.0, 0.0, 0.0, 0.0)
    private var warm = (0.0, 0.0, 0.0, 0.0)
    private var all = (0.0, 0.0, 0.0, 0.0)

    /// A distance takes all that comes to it while this share of it, turned round, is well: 1 / 1.4 = 71 %.
    private static let overprovision = 1.4
    /// With less than this share of all endpoints well, they are all used: the failure is not the endpoints', or sparing them kills the rest.
    private static let panic = 0.3

    /// - Parameter warmWeight: what of the weight an endpoint that is new or well again takes by now. A distance that returns as a whole gets its
    ///   share back as gradually as each of its endpoints, not all at once.
    mutating func add(_ distance: Locality.Distance, _ weight: Double, warmWeight: Double, isWell: Bool) {
        switch distance {
        case .node: Self.add(weight, warmWeight, isWell, &all.0, &well.0, &warm.0)
        case .zone: Self.add(weight, warmWeight, isWell, &all.1, &well.1, &warm.1)
        case .region: Self.add(weight, warmWeight, isWell, &all.2, &well.2, &warm.2)
        case .elsewhere: Self.add(weight, warmWeight, isWell, &all.3, &well.3, &warm.3)
        }
    }

    private static func add(
        _ weight: Double, _ warmWeight: Double, _ isWell: Bool, _ all: inout Double, _ well: inout Double, _ warm: inout Double
    ) {
        all += weight
        guard isWell else { return }
        well += weight
        warm += warmWeight
    }

    var isPanic: Bool {
        Self.isPanic(well: well.0 + well.1 + well.2 + well.3, of: all.0 + all.1 + all.2 + all.3)
    }

    static func isPanic(well: Double, of total: Double) -> Bool { well < panic * total }

    /// The distance that a request takes.
    ///
    /// - Parameter draw: from 0 up to 1.
    func distance(at draw: Double) -> Locality.Distance? {
        var left = draw
        var farthest: Locality.Distance?
        for (distance, part, total) in [
            (Locality.Distance.node, warm.0, all.0), (.zone, warm.1, all.1), (.region, warm.2, all.2), (.elsewhere, warm.3, all.3),
        ] where part > 0 {
            let share = min(1, Self.overprovision * part / total)
            if left < share { return distance }
            left = (left - share) / max(1e-9, 1 - share)
            farthest = farthest ?? distance
        }
        // All are partly ill: the nearest that has any.
        return farthest
    }
}
