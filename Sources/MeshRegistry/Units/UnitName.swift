/// The name of a systemd service unit, as file names and commands may hold it (systemd.unit(5)).
package struct UnitName: Sendable, Equatable {
    private static let suffix = ".service"
    private static let longest = 255

    package let text: String

    /// nil for what is no service unit, or a template without its instance.
    package init?(_ text: String) {
        let stem = text.dropLast(Self.suffix.count)
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: ":_.\\@-".utf8.contains(byte)
            }
        }
        guard text.hasSuffix(Self.suffix), !stem.isEmpty, !stem.hasSuffix("@"), text.utf8.count <= Self.longest, isPlain else { return nil }
        self.text = text
    }

    /// The cgroup of a slice below the root: `a-b.slice` lies in `a.slice` (systemd.slice(5)).
    package static func cgroup(ofSlice slice: String) -> String {
        guard slice.hasSuffix(".slice"), slice != "-.slice" else { return "" }
        var path = ""
        var name = ""
        for part in slice.dropLast(".slice".count).split(separator: "-") {
            name += name.isEmpty ? part : "-\(part)"
            path += "/\(name).slice"
        }
        return path
    }
}
