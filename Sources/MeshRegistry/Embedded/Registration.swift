package import MeshTypes

/// An instance that registered itself, or that somebody registered (R2.2).
package struct Registration: Sendable, Hashable {
    package static let longestID = 128
    package static let timesToLive: ClosedRange<Duration> = .seconds(1) ... .seconds(24 * 3600)
    package static let weights = 1...10_000

    /// Chosen by whoever registers it; registering it again replaces it.
    package let id: String
    package let service: ServiceIdentity
    package let address: SocketAddress
    /// Of the service's virtual addresses.
    package let servicePort: UInt16
    package let applicationProtocol: ApplicationProtocol
    package let team: String
    package let version: String
    package let weight: Int
    /// Its processes, so that they are captured; nil when another source has the workload.
    package let workload: Workload?
    /// It is forgotten when no heartbeat comes for this long; nil: it stays.
    package let timeToLive: Duration?
    package var isDraining: Bool

    package init(
        id: String, service: ServiceIdentity, address: SocketAddress, servicePort: UInt16, applicationProtocol: ApplicationProtocol = .auto,
        team: String = "", version: String = "", weight: Int = 1, workload: Workload? = nil, timeToLive: Duration? = nil,
        isDraining: Bool = false
    ) {
        self.id = id
        self.service = service
        self.address = address
        self.servicePort = servicePort
        self.applicationProtocol = applicationProtocol
        self.team = team
        self.version = version
        self.weight = weight
        self.workload = workload
        self.timeToLive = timeToLive
        self.isDraining = isDraining
    }

    package static func isID(_ text: String) -> Bool {
        (1...longestID).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: ":"):
                    true
                default: false
                }
            }
    }
}

/// Why the embedded registry does not do what it was asked to.
package typealias RegistrationFailure = Failure<RegistrationFailureCode>

/// Stable codes of `RegistrationFailure`.
package enum RegistrationFailureCode: String, Sendable, CaseIterable {
    /// The registration cannot be right, whatever else is registered.
    case invalid
    /// It contradicts another registration.
    case conflict
    /// No instance has that name.
    case unknown
    /// There are as many as fit.
    case full
    /// It is in force, but was not written down.
    case notKept = "not_kept"
}
