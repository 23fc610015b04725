/// Which paths a route takes. Paths are compared as they were sent, byte by byte and without the query.
package enum PathPattern: Hashable, Sendable {
    case any
    case exact([UInt8])
    /// At the start; a pattern that ends in `/` also takes the path without it.
    case prefix([UInt8])
    /// `/users/{id}/orders`: a part in braces takes any one segment that is not empty.
    case template([TemplatePart])

    package enum TemplatePart: Hashable, Sendable {
        case literal([UInt8])
        case anything
    }

    /// The path of a platform's operation (`/internal/v1/<service>/<operation>`).
    package static func operation(_ operation: String, of service: String) -> PathPattern {
        .exact(Array("/internal/v1/\(service)/\(operation)".utf8))
    }

    /// nil when it is no absolute path, or has a brace that is not a whole segment.
    package init?(template: String) {
        guard template.hasPrefix("/") else { return nil }
        var parts: [TemplatePart] = []
        for segment in template.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            let isPlaceholder = segment.hasPrefix("{") && segment.hasSuffix("}") && segment.count > 2
            guard isPlaceholder || !segment.contains(where: { $0 == "{" || $0 == "}" }) else { return nil }
            parts.append(isPlaceholder ? .anything : .literal(Array(segment.utf8)))
        }
        self = .template(parts)
    }

    /// - Parameter path: without the query; not empty.
    package func matches(_ path: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .any: return true
        case .exact(let wanted): return path.elementsEqual(wanted)
        case .prefix(let wanted):
            if path.starts(with: wanted) { return true }
            return wanted.count > 1 && wanted.last == UInt8(ascii: "/") && path.elementsEqual(wanted.dropLast())
        case .template(let parts): return Self.matches(path, parts)
        }
    }

    private static func matches(_ path: UnsafeRawBufferPointer, _ parts: [TemplatePart]) -> Bool {
        guard path.first == UInt8(ascii: "/") else { return false }
        var start = 1
        for (number, part) in parts.enumerated() {
            var end = start
            while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
            let segment = path[start..<end]
            switch part {
            case .literal(let wanted): guard segment.elementsEqual(wanted) else { return false }
            case .anything: guard !segment.isEmpty else { return false }
            }
            let isLast = number == parts.count - 1
            guard isLast ? end == path.count : end < path.count else { return false }
            start = end + 1
        }
        return true
    }
}
