internal import MeshTypes

/// A request's path, read as widely as any server might read it: letters fold to lower case and `_` to `-`, and what some servers read
/// otherwise cannot be read at all.
///
/// Only letters, digits, `-`, `_`, `.`, `~`, `:` and `@` are understood alike everywhere. Some server decodes, cuts off, collapses or turns into
/// a separator each of the rest: `%`, `\`, `;`, `,`, `+`, `(`, `#`, spaces, controls, bytes beyond ASCII, empty segments, segments of dots only
/// and dots at a segment's end.
package struct OperationPath: Sendable {
    /// Folded; one slash at the path's end leaves nothing behind.
    let segments: [[UInt8]]

    /// - Parameter path: without a query; `/` when empty.
    /// - Returns: nil when two servers could read it differently.
    package init?(_ path: some BidirectionalCollection<UInt8>) {
        guard let first = path.first else {
            segments = []
            return
        }
        guard first == Self.slash else {
            // `OPTIONS *` asks for no resource.
            guard path.elementsEqual("*".utf8) else { return nil }
            segments = []
            return
        }
        var rest = path.dropFirst()
        if rest.last == Self.slash { rest = rest.dropLast() }
        guard !rest.isEmpty else {
            // `//` is no root: it begins an authority, or is collapsed.
            guard path.count == 1 else { return nil }
            segments = []
            return
        }
        guard let segments = Self.folded(rest) else { return nil }
        self.segments = segments
    }

    /// An operation as a policy names it: `payout/claim`.
    ///
    /// - Returns: nil when no request that is let through could be it.
    package init?(operation: String) {
        guard !operation.isEmpty, !operation.hasPrefix("/"), !operation.hasSuffix("/"), let segments = Self.folded(operation.utf8) else {
            return nil
        }
        self.segments = segments
    }

    /// Whether the path may be the operation, or stand below it, at a service that has these names.
    ///
    /// In the platform's own form, `/internal/<version>/<service>/<operation>`, the operation is what stands behind the service's name. In
    /// any other path it may be there as soon as its segments come in their order after a name of the service.
    func mayBe(_ operation: OperationPath, of names: Set<ServiceName>) -> Bool {
        let names = names.map { Array($0.label.utf8) }
        guard segments.count >= Self.depth, segments[0] == Array("internal".utf8), names.contains(segments[2]) else {
            return names.contains { Self.follow(operation.segments, $0, in: segments[...]) }
        }
        var rest = segments[Self.depth...]
        if names.contains(where: { Self.follow(operation.segments, $0, in: rest) }) { return true }
        while true {
            if Self.begins(rest, with: operation.segments) { return true }
            guard let first = rest.first, Self.isVersion(first) else { return false }
            rest = rest.dropFirst()
        }
    }

    private static let slash = UInt8(ascii: "/")
    /// Segments before the operation in the platform's form.
    private static let depth = 3

    private static func folded(_ path: some BidirectionalCollection<UInt8>) -> [[UInt8]]? {
        var segments: [[UInt8]] = []
        var segment: [UInt8] = []
        func close() -> Bool {
            guard let last = segment.last, last != UInt8(ascii: ".") else { return false }
            segments.append(segment)
            segment.removeAll()
            return true
        }
        for byte in path {
            if byte == slash {
                guard close() else { return nil }
            } else if let letter = folded(byte) {
                segment.append(letter)
            } else {
                return nil
            }
        }
        return close() ? segments : nil
    }

    private static func folded(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
        case UInt8(ascii: "_"): UInt8(ascii: "-")
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: ":"), UInt8(ascii: "@"): byte
        default: nil
        }
    }

    /// `run`, and `run.json` or `run:now`, which servers take for a form of `run`; not `runs` or `run-all`.
    private static func isForm(_ segment: [UInt8], of wanted: [UInt8]) -> Bool {
        guard segment.starts(with: wanted) else { return false }
        guard segment.count > wanted.count else { return true }
        return ".~:@".utf8.contains(segment[wanted.count])
    }

    private static func begins(_ path: ArraySlice<[UInt8]>, with operation: [[UInt8]]) -> Bool {
        path.count >= operation.count && zip(path, operation).allSatisfy(isForm)
    }

    /// Whether a form of `name` and then those of the operation's segments stand in `path`, with anything between them.
    private static func follow(_ operation: [[UInt8]], _ name: [UInt8], in path: ArraySlice<[UInt8]>) -> Bool {
        guard let start = path.firstIndex(where: { isForm($0, of: name) }) else { return false }
        var wanted = operation[...]
        for segment in path[(start + 1)...] {
            guard let next = wanted.first else { break }
            if isForm(segment, of: next) { wanted = wanted.dropFirst() }
        }
        return wanted.isEmpty
    }

    /// `v2`, `v1.1`, `2`, `v1beta1`: a server may pass over it.
    private static func isVersion(_ segment: [UInt8]) -> Bool {
        let digits = segment.first == UInt8(ascii: "v") ? segment.dropFirst() : segment[...]
        guard let first = digits.first else { return false }
        return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    }
}
