internal import Crypto
package import Foundation
package import MeshTypes
internal import X509

/// A workload's own key and certificate. The key is made here, for this workload alone, and leaves only towards it (R1.4).
package struct WorkloadSVID: Sendable, Equatable {
    package let identity: SPIFFEID
    /// Leaf first.
    package let chainDER: [[UInt8]]
    package let notBefore: Date
    package let notAfter: Date
    /// Upper-case hexadecimal.
    package let serial: String
    private let key: P256.Signing.PrivateKey

    init(identity: SPIFFEID, chainDER: [[UInt8]], notBefore: Date, notAfter: Date, key: P256.Signing.PrivateKey) {
        self.identity = identity
        self.chainDER = chainDER
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.key = key
        let leaf = chainDER.first.flatMap { try? Certificate(derEncoded: $0) }
        serial = leaf?.serialNumber.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined() ?? ""
    }

    /// A certificate is of one key only.
    package static func == (left: Self, right: Self) -> Bool { left.chainDER == right.chainDER && left.identity == right.identity }

    package func message(bundle: [[UInt8]]) -> X509SVIDMessage {
        X509SVIDMessage(
            spiffeID: identity.description, chain: Array(chainDER.joined()), key: Array(key.derRepresentation),
            bundle: Array(bundle.joined()))
    }
}

/// One workload's SVID, for operators.
package struct WorkloadSVIDStatus: Sendable, Equatable {
    package let workload: Workload
    package let identity: SPIFFEID
    /// nil before the first success, and after an end without a new one.
    package let notBefore: Date?
    package let notAfter: Date?
    package let serial: String?
    package let nextAttempt: Date
    package let lastError: String?
    /// Streams that are told of the next one.
    package let streams: Int
}
