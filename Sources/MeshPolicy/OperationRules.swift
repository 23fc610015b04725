package import MeshTypes

/// Which operations of a service a caller may ask for, where its policy names single ones (R6.2, R6.7).
///
/// An operation is what follows `/internal/v1/<service>/` in a request's path. An allow means these very bytes. A deny means whatever a server might
/// take for the operation: where one is denied, a path passes only if it is provably another one (`OperationPath`).
package struct OperationRules: Hashable, Sendable {
    /// nil: all but the denied ones. Otherwise these very operations and nothing else.
    package let allowed: Set<String>?
    /// These operations and everything below them.
    package let denied: Set<String>
    /// The other names that paths may call services by.
    package let aliases: ServiceAliases
    /// The first rule that names an operation.
    package let rule: RuleLocation

    package init(allowed: Set<String>?, denied: Set<String>, aliases: ServiceAliases = .none, rule: RuleLocation) {
        self.allowed = allowed
        self.denied = denied
        self.aliases = aliases
        self.rule = rule
    }

    /// - Parameter target: a path with or without a query; `/` when empty.
    /// - Returns: `.none` when the request may be made.
    package func verdict(on target: UnsafeRawBufferPointer, of service: ServiceName) -> DenialReason {
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
        let path = target[..<end]
        if !denied.isEmpty, isDenied(path, of: service) { return .denied }
        guard let allowed else { return .none }
        let prefix = "/internal/v1/\(service)/".utf8
        guard path.starts(with: prefix) else { return .notAllowed }
        return allowed.contains(String(decoding: path.dropFirst(prefix.count), as: UTF8.self)) ? .none : .notAllowed
    }

    private func isDenied(_ path: Slice<UnsafeRawBufferPointer>, of service: ServiceName) -> Bool {
        guard let read = OperationPath(path) else { return true }
        let names = aliases.names(of: service)
        return denied.contains { operation in
            // A name that cannot be read is refused where policies are; here it forbids everything.
            guard let operation = OperationPath(operation: operation) else { return true }
            return read.mayBe(operation, of: names)
        }
    }
}
