/// Places in the order of their last use, as links between neighbours: every change costs the same however many there are. One set of links
/// can hold several lists, as long as no place is in two of them.
struct RecencyList {
    /// The ends of one list; nil while it is empty.
    struct Ends {
        fileprivate(set) var oldest: Int?
        fileprivate(set) var newest: Int?
    }

    private static let none = -1
    private var older: [Int] = []
    private var newer: [Int] = []
    /// Of the list that is meant where none is named.
    private(set) var ends = Ends()

    mutating func append(_ place: Int) {
        var list = ends
        append(place, to: &list)
        ends = list
    }

    mutating func remove(_ place: Int) {
        var list = ends
        remove(place, from: &list)
        ends = list
    }

    /// - Precondition: the place is in no list.
    mutating func append(_ place: Int, to list: inout Ends) {
        while older.count <= place {
            older.append(Self.none)
            newer.append(Self.none)
        }
        older[place] = list.newest ?? Self.none
        newer[place] = Self.none
        if let newest = list.newest { newer[newest] = place }
        list.newest = place
        list.oldest = list.oldest ?? place
    }

    /// - Precondition: the place is in this list.
    mutating func remove(_ place: Int, from list: inout Ends) {
        let (before, after) = (older[place], newer[place])
        if before == Self.none { list.oldest = after == Self.none ? nil : after } else { newer[before] = after }
        if after == Self.none { list.newest = before == Self.none ? nil : before } else { older[after] = before }
    }
}
