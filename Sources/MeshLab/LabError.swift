/// What the laboratory could not do, and the end of what the system said about it.
package struct LabError: Error, Sendable, CustomStringConvertible {
    package let what: String
    package let detail: String

    package init(_ what: String, _ detail: String = "") {
        self.what = what
        self.detail = detail
    }

    package var description: String { detail.isEmpty ? what : "\(what): \(detail)" }
}
