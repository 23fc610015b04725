/// Why the daemon does not start: a stable code, what happened, and what the operator can do.
package struct StartFailure: Error, Sendable, CustomStringConvertible {
    package let code: String
    package let what: String
    package let advice: String

    package init(code: String, what: String, advice: String) {
        self.code = code
        self.what = what
        self.advice = advice
    }

    package var description: String { "\(what) [\(code)]; \(advice)" }
}
