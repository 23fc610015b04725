package import MeshTypes

/// Which operations of a service a caller may ask for, where its policy names single ones (R6.2).
///
/// An operation is what follows `/internal/v1/<service>/` in a request's path. Where rules name operations, only paths that can be read in one way are
/// let through: `%`, `\`, `;`, empty segments, `.` and `..` are refused, since the service might read another operation in them.
package struct OperationRules: Hashable, Sendable {
    /// nil: all but the denied ones. Otherwise these very operations and nothing else.
    package let allowed: Set<String>?
    /// These operations and everything below them.
    package let denied: Set<String>
    /// The first rule that names an operation.
    package let rule: RuleLocation

    package init(allowed: Set<String>?, denied: Set<String>, rule: RuleLocation) {
        self.allowed = allowed
        self.denied = denied
        self.rule = rule
    }

    /// - Parameter target: a path with or without a query; `/` when empty.
    /// - Returns: `.none` when the request may be made.
    package func verdict(on target: UnsafeRawBufferPointer, of service: ServiceName) -> DenialReason {
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
        let path = target[..<end]
        guard Self.isPlain(path) else { return allowed == nil ? .denied : .notAllowed }
        let prefix = "/internal/v1/\(service)/".utf8
        guard path.starts(with: prefix) else { return allowed == nil ? .none : .notAllowed }
        let operation = String(decoding: path.dropFirst(prefix.count), as: UTF8.self)
        if Self.startings(of: operation).contains(where: denied.contains) { return .denied }
        guard let allowed else { return .none }
        return allowed.contains(operation) ? .none : .notAllowed
    }

    /// `a`, `a/b` and `a/b/c` of `a/b/c`.
    private static func startings(of operation: String) -> [String] {
        var result = [operation]
        var rest = Substring(operation)
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            result.append(String(rest))
        }
        return result
    }

    private static func isPlain(_ path: Slice<UnsafeRawBufferPointer>) -> Bool {
        if path.isEmpty || path.elementsEqual("/".utf8) { return true }
        guard path.first == UInt8(ascii: "/") else { return path.elementsEqual("*".utf8) }
        let suspicious: Set<UInt8> = [UInt8(ascii: "%"), UInt8(ascii: "\\"), UInt8(ascii: ";")]
        guard !path.contains(where: suspicious.contains) else { return false }
        let segments = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (number, segment) in segments.enumerated() {
            // One slash at the end is plain.
            if segment.isEmpty, number < segments.count - 1 { return false }
            if segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) { return false }
        }
        return true
    }
}
