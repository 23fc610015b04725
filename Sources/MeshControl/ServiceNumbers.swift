package import MeshTypes

/// Gives every service a number that the kernel maps, workers and flows use; a number stays with its service while the daemon lives.
///
/// Numbers start at 1 and are dense. A service that leaves the registry keeps its number, so that flows which outlive it are
/// still named rightly.
package struct ServiceNumbers: Sendable {
    /// More services than this are refused: it bounds the tables indexed by number.
    package static let maximum = 100_000

    private var numbers: [ServiceIdentity: ServiceID] = [:]
    private var identities: [ServiceIdentity] = []

    package init() {}

    /// - Returns: nil when `maximum` services have been seen.
    package mutating func number(of service: ServiceIdentity) -> ServiceID? {
        if let known = numbers[service] { return known }
        guard identities.count < Self.maximum else { return nil }
        identities.append(service)
        let id = ServiceID(rawValue: UInt32(identities.count))
        numbers[service] = id
        return id
    }

    package func identity(of id: ServiceID) -> ServiceIdentity? {
        let index = Int(id.rawValue) - 1
        return identities.indices.contains(index) ? identities[index] : nil
    }
}
