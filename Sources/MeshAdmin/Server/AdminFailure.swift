/// Why the status socket or the metrics port cannot be served: what is in the way, in a sentence.
package struct AdminFailure: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// What the socket answers when it cannot do what was asked.
package struct AdminComplaint: Codable, Sendable, Error, Equatable {
    package let error: String
    package let remedy: String

    package init(error: String, remedy: String) {
        self.error = error
        self.remedy = remedy
    }
}
