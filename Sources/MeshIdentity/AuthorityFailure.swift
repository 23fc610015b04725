/// Why a certificate authority cannot serve.
package struct AuthorityFailure: Error, Sendable, CustomStringConvertible {
    /// Stable codes.
    package enum Code: String, Sendable, CaseIterable {
        /// The directory cannot be read or written: full disk, missing rights, not a directory.
        case storage
        /// Others could read the key.
        case permissions
        /// Files are missing, damaged or do not belong together.
        case damaged
        /// It is the authority of another trust domain.
        case trustDomain = "trust_domain"
        /// Its own certificate is not valid now.
        case validity
        /// The request is not one that it may sign.
        case request
        /// An authority elsewhere does not answer.
        case unreachable
        /// What it gave before may not be used any more.
        case withdrawn
    }

    package let code: Code
    package let what: String
    /// What the operator can do.
    package let advice: String

    package init(_ code: Code, _ what: String, advice: String) {
        self.code = code
        self.what = what
        self.advice = advice
    }

    package var description: String { "\(what); \(advice)" }
}
