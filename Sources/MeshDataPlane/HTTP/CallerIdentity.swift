internal import MeshProtocols
internal import MeshSnapshot
internal import MeshTypes

/// What a service reads in a request's fields of who called. What callers write of it themselves is taken out (`IdentityField`).
package struct CallerIdentity {
    package static let none = CallerIdentity()

    /// Of `x-forwarded-client-cert`; empty for no such field.
    private var certificate: [UInt8] = []
    /// The caller may say for whom it asks (`forwarded_from`).
    package private(set) var passesClientAddress = false

    /// As the service's policy has it.
    init(from caller: SnapshotService?, to service: SnapshotService?, in snapshot: Snapshot?) {
        guard let caller, let service, let snapshot else { return }
        let rules = service.traffic.identity
        passesClientAddress = caller.identity.namespace == service.identity.namespace && rules.forwarders.contains(caller.identity.name)
        if rules.header == .xfcc { certificate = Self.certificate(of: caller, at: service, in: snapshot) }
    }

    private init() {}

    package init(certificate: [UInt8], passesClientAddress: Bool) {
        self.certificate = certificate
        self.passesClientAddress = passesClientAddress
    }

    static func certificate(of caller: SnapshotService, at service: SnapshotService, in snapshot: Snapshot) -> [UInt8] {
        ClientCertificateField.value(
            caller: SPIFFEID(trustDomain: snapshot.trustDomain, service: caller.identity),
            callee: SPIFFEID(trustDomain: snapshot.trustDomain, service: service.identity))
    }

    func write(to writer: inout HeadWriter) {
        guard !certificate.isEmpty else { return }
        writer.append(ClientCertificateField.name)
        writer.append(": ")
        certificate.withUnsafeBytes { writer.append($0) }
        writer.append("\r\n")
    }
}
