/// Certificates that are refused before they end (RFC 5280 §3.3), by serial number. Immutable; replaced as a whole.
///
/// Serials alone are enough: the authority's are 128 random bits.
package final class RevokedSerials: Sendable, Equatable {
    package static let none = RevokedSerials([])

    /// Upper-case hexadecimal.
    package let serials: Set<String>

    package init(_ serials: Set<String>) { self.serials = serials }

    package func contains(_ serial: String) -> Bool { !serials.isEmpty && serials.contains(serial) }

    package static func == (left: RevokedSerials, right: RevokedSerials) -> Bool { left === right || left.serials == right.serials }
}
