/// Connections whose other end has proved nothing yet: few in all, few of one source, and who says nothing gives way first.
///
/// Pure: the owner closes whom `firstToGo` names and tells when somebody leaves. Every call takes constant time.
package struct ArrivalPool<Source: Hashable, Guest> {
    package struct Bounds: Sendable {
        package var total: Int
        package var perSource: Int

        package init(total: Int, perSource: Int) {
            self.total = total
            self.perSource = perSource
        }
    }

    /// A guest's place; one that was left is not mistaken for the one that another has now.
    package struct Place: Hashable, Sendable, BitwiseCopyable {
        fileprivate let index: Int
        fileprivate let number: UInt64

        /// Nobody's.
        package static var none: Place { Place(index: -1, number: 0) }
    }

    /// Those of one source, or all: in the order in which they came, or were last heard.
    private struct Crowd {
        var count = 0
        var silent = Line()
        var heard = Line()

        var first: Int { silent.first >= 0 ? silent.first : heard.first }
    }

    private let bounds: Bounds
    private var lines = Lines()
    private var guests: [Guest?] = []
    private var sources: [Source?] = []
    private var numbers: [UInt64] = []
    private var isHeard: [Bool] = []
    private var free: [Int] = []
    private var everybody = Crowd()
    private var crowds: [Source: Crowd] = [:]
    private var entered: UInt64 = 0

    package init(_ bounds: Bounds) { self.bounds = bounds }

    package var count: Int { everybody.count }

    package func count(of source: Source) -> Int { crowds[source]?.count ?? 0 }

    /// Who must leave before one more of `source` may enter; nil when there is room. To be asked again after that one left.
    ///
    /// - Parameter limit: guests in all, where less than the pool's own bound is to be had for now.
    package func firstToGo(for source: Source, atMost limit: Int = .max) -> (place: Place, guest: Guest)? {
        if let crowd = crowds[source], crowd.count >= bounds.perSource { return standing(at: crowd.first) }
        return everybody.count >= min(bounds.total, limit) ? standing(at: everybody.first) : nil
    }

    private func standing(at index: Int) -> (place: Place, guest: Guest)? {
        guard index >= 0, let guest = guests[index] else { return nil }
        return (Place(index: index, number: numbers[index]), guest)
    }

    /// - Precondition: `firstToGo` names nobody.
    package mutating func enter(_ guest: Guest, from source: Source) -> Place {
        let index = free.popLast() ?? makePlace()
        entered += 1
        guests[index] = guest
        sources[index] = source
        numbers[index] = entered
        isHeard[index] = false
        everybody.count += 1
        crowds[source, default: Crowd()].count += 1
        lines.append(index, to: &everybody.silent, of: .everybody)
        lines.append(index, to: &crowds[source, default: Crowd()].silent, of: .source)
        return Place(index: index, number: entered)
    }

    /// The guest has said something: it goes after all that have not, and after those that were heard before it.
    package mutating func hear(_ place: Place) {
        guard let source = source(of: place) else { return }
        let index = place.index
        unlink(index, source)
        isHeard[index] = true
        lines.append(index, to: &everybody.heard, of: .everybody)
        lines.append(index, to: &crowds[source, default: Crowd()].heard, of: .source)
    }

    package func isSilent(_ place: Place) -> Bool { source(of: place) != nil && !isHeard[place.index] }

    package func contains(_ place: Place) -> Bool { source(of: place) != nil }

    package mutating func leave(_ place: Place) {
        guard let source = source(of: place) else { return }
        let index = place.index
        unlink(index, source)
        everybody.count -= 1
        crowds[source]?.count -= 1
        if crowds[source]?.count == 0 { crowds[source] = nil }
        guests[index] = nil
        sources[index] = nil
        free.append(index)
    }

    private func source(of place: Place) -> Source? {
        guard place.index >= 0, numbers[place.index] == place.number else { return nil }
        return sources[place.index]
    }

    private mutating func unlink(_ index: Int, _ source: Source) {
        if isHeard[index] {
            lines.remove(index, from: &everybody.heard, of: .everybody)
            lines.remove(index, from: &crowds[source, default: Crowd()].heard, of: .source)
        } else {
            lines.remove(index, from: &everybody.silent, of: .everybody)
            lines.remove(index, from: &crowds[source, default: Crowd()].silent, of: .source)
        }
    }

    private mutating func makePlace() -> Int {
        guests.append(nil)
        sources.append(nil)
        numbers.append(0)
        isHeard.append(false)
        lines.grow()
        return guests.count - 1
    }
}

/// The two ends of a line; -1 when nobody stands in it.
private struct Line {
    var first = -1
    var last = -1
}

/// Who stands before and behind whom: each index is in one line of everybody and in one of its source.
private struct Lines {
    enum Kind: Int { case everybody, source }

    private struct Link {
        var before = -1
        var behind = -1
    }

    private var links: [Link] = []

    mutating func grow() { links += [Link(), Link()] }

    mutating func append(_ index: Int, to line: inout Line, of kind: Kind) {
        links[index * 2 + kind.rawValue] = Link(before: line.last)
        if line.last >= 0 { links[line.last * 2 + kind.rawValue].behind = index } else { line.first = index }
        line.last = index
    }

    mutating func remove(_ index: Int, from line: inout Line, of kind: Kind) {
        let link = links[index * 2 + kind.rawValue]
        if link.before >= 0 { links[link.before * 2 + kind.rawValue].behind = link.behind } else { line.first = link.behind }
        if link.behind >= 0 { links[link.behind * 2 + kind.rawValue].before = link.before } else { line.last = link.before }
    }
}
