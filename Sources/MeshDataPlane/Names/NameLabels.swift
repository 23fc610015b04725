internal import MeshProtocols

/// A name in lower case and where its labels stand.
struct NameLabels {
    let name: DNSName
    /// One more than there are labels: the last is that of the final zero.
    private let starts: [Int]

    init(_ name: DNSName) {
        let name = name.lowercased
        var starts: [Int] = []
        var at = 0
        while name.wire[at] != 0 {
            starts.append(at)
            at += 1 + Int(name.wire[at])
        }
        self.name = name
        self.starts = starts + [at]
    }

    var count: Int { starts.count - 1 }

    /// Some labels as a name of their own.
    func part(_ range: Range<Int>) -> DNSName { DNSName(wire: name.wire[starts[range.lowerBound]..<starts[range.upperBound]] + [0]) }

    func isUnderscored(_ index: Int) -> Bool { name.wire[starts[index] + 1] == UInt8(ascii: "_") }
}
