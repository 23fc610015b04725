internal import MeshPolicy
internal import MeshRegistry
package import MeshTLS
internal import MeshTypes

/// Whether what stores hold in the name of nodes is to be believed.
package struct AnnouncementCheck: Sendable {
    package enum Signatures: String, Sendable, CaseIterable {
        case required
        /// Records without a signature are used; wrong signatures never are.
        case acceptUnsigned = "accept_unsigned"
    }

    let signatures: Signatures
    let trustDomain: String
    /// The roots; nil if signatures cannot be checked yet.
    let trust: TrustBundle?
    let revoked: RevokedSerials

    package init(signatures: Signatures, trustDomain: String, trust: TrustBundle?, revoked: RevokedSerials = .none) {
        self.signatures = signatures
        self.trustDomain = trustDomain
        self.trust = trust
        self.revoked = revoked
    }

    /// - Parameter now: seconds since the epoch.
    /// - Returns: a service with one endpoint, and for how long that holds.
    func endpoint(
        _ announcement: SignedAnnouncement, at place: InstancePlace, location: RuleLocation, now: Int64
    ) throws(AnnouncementRefusal) -> (record: RegistryRecords.Service, validity: SignedAnnouncement.Validity) {
        var validity = SignedAnnouncement.Validity.always
        if announcement.isSigned || signatures == .required {
            guard announcement.isSigned else { throw .unsigned }
            guard let trust else { throw .badSignature }
            let identity = SPIFFEID(trustDomain: trustDomain, service: place.service)
            validity = try announcement.check(place: place.description, service: identity, trust: trust, revoked: revoked, now: now)
        }
        let record = try AnnouncedEndpoint(reading: announcement.record).service(at: place, location: location)
        return (record, validity)
    }
}
