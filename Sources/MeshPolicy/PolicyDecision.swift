package import MeshTypes

/// Where a rule stands: file, line and column (from 1; 0 where there are none, in a record of a store).
package struct RuleLocation: Hashable, Sendable, CustomStringConvertible {
    package let file: String
    package let line: Int
    package let column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    package var description: String { line > 0 ? "\(file):\(line):\(column)" : file }
}

/// May a source call a destination, and which rule says so.
package struct PolicyDecision: Hashable, Sendable {
    /// `.none` when permitted; `.notAllowed` (default deny) or `.denied` (a deny rule) otherwise.
    package let reason: DenialReason
    /// The rule that decided; nil when no rule matched.
    package let rule: RuleLocation?
    /// A permitted connection may carry these requests only; nil for any.
    package let operations: OperationRules?

    package init(reason: DenialReason, rule: RuleLocation?, operations: OperationRules? = nil) {
        self.reason = reason
        self.rule = rule
        self.operations = operations
    }

    package var permitted: Bool { reason == .none }
}
