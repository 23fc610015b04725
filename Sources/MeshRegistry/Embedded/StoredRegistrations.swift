internal import Foundation
internal import MeshTypes

/// The registered instances as they lie in the state directory.
struct StoredRegistrations: Codable {
    static let currentFormat = 1
    /// Bytes; 10,000 instances take some 5 MB.
    static let maximumSize = 32 << 20

    let format: Int
    let instances: [Stored]

    struct Stored: Codable {
        let id, namespace, service, address, proto, team, version: String
        let servicePort: UInt16
        let weight: Int
        let cgroup, netns: String?
        let host, draining: Bool?
        let ttlMilliseconds: Int64?
    }

    init(_ registrations: [Registration]) {
        format = Self.currentFormat
        instances = registrations.map(Stored.init)
    }

    /// nil when one of them cannot be read.
    var registrations: [Registration]? {
        guard format == Self.currentFormat, instances.count <= Instances.maximum else { return nil }
        let known = instances.compactMap(\.registration)
        return known.count == instances.count ? known : nil
    }
}

extension StoredRegistrations.Stored {
    init(_ registration: Registration) {
        id = registration.id
        namespace = registration.service.namespace
        service = registration.service.name.label
        address = registration.address.description
        proto = registration.applicationProtocol.rawValue
        team = registration.team
        version = registration.version
        servicePort = registration.servicePort
        weight = registration.weight
        cgroup = registration.workload?.cgroup
        netns = registration.workload?.networkNamespace
        host = registration.workload?.sharesNodeNamespace == true ? true : nil
        draining = registration.isDraining ? true : nil
        ttlMilliseconds = registration.timeToLive.map { $0.components.seconds * 1000 + $0.components.attoseconds / 1_000_000_000_000_000 }
    }

    var registration: Registration? {
        guard Registration.isID(id), let name = ServiceName(service), let socket = SocketAddress(address),
            let applicationProtocol = ApplicationProtocol(rawValue: proto), Registration.weights.contains(weight)
        else { return nil }
        let identity = ServiceIdentity(namespace: namespace, name: name)
        let workload = cgroup.map {
            Workload(service: identity, cgroup: $0, networkNamespace: netns, sharesNodeNamespace: host ?? false)
        }
        return Registration(
            id: id, service: identity, address: socket, servicePort: servicePort, applicationProtocol: applicationProtocol, team: team,
            version: version, weight: weight, workload: workload, timeToLive: ttlMilliseconds.map { .milliseconds($0) },
            isDraining: draining ?? false)
    }
}
