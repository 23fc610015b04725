/// Why something cannot be done: a stable code, what happened, and what the operator can do.
package struct Failure<FailureCode: Hashable & Sendable & RawRepresentable<String>>: Error, Sendable, Hashable, CustomStringConvertible {
    package typealias Code = FailureCode

    package let code: Code
    package let what: String
    package let advice: String

    package init(_ code: Code, _ what: String, advice: String) {
        self.code = code
        self.what = what
        self.advice = advice
    }

    package var description: String { "\(what) [\(code.rawValue)]; \(advice)" }
}
