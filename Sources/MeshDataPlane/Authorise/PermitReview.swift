/// How far a worker is with judging again what it carries, after the rules changed.
///
/// It goes in portions, one a turn, so that many flows do not hold the worker. A change in the midst of it does not begin anew, which could put some
/// off for ever: each walk goes round once more from where it stands.
package struct PermitReview {
    /// Positions that are looked at in one turn.
    package static let portion = 1024

    /// One round over the positions of a slab.
    package struct Round {
        private var position = 0
        private var left = 0

        package init() {}

        package var isDue: Bool { left > 0 }

        /// - Parameter extent: positions of the slab. What comes into it later is judged by the new rules anyway.
        package mutating func begin(_ extent: Int) { left = extent }

        /// The positions to look at now; nil when the round is over.
        package mutating func next(_ extent: Int, portion: Int = PermitReview.portion) -> Range<Int>? {
            guard left > 0, extent > 0 else {
                left = 0
                return nil
            }
            if position >= extent { position = 0 }
            let end = min(position + min(portion, left), extent)
            defer { position = end }
            left -= end - position
            return position..<end
        }
    }

    var callers = Round()
    var flows = Round()
    var tunnels = Round()
    /// When something that is nobody's endpoint any more is looked at again; 0 for never.
    var repeatAt: UInt64 = 0

    /// There is something to do in the next turn.
    var isDue: Bool { callers.isDue || flows.isDue || tunnels.isDue }
}
