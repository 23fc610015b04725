internal import MeshPolicy
internal import MeshTypes

/// The registered instances and when they end. A machine without clock and files.
package struct Instances: Sendable {
    package static let maximum = 10_000

    private var registrations: [String: Registration] = [:]
    private var ends: [String: ContinuousClock.Instant] = [:]
    private var owners: [SocketAddress: String] = [:]
    private var byService: [ServiceIdentity: Set<String>] = [:]
    private var byCgroup: [String: Set<String>] = [:]
    /// The node that they run on.
    private let node: String

    package init(node: String) { self.node = node }

    package var all: [Registration] { registrations.values.sorted { $0.id < $1.id } }

    package subscript(id: String) -> Registration? { registrations[id] }

    /// When the next one ends for want of a heartbeat.
    package var nextEnd: ContinuousClock.Instant? { ends.values.min() }

    /// Adds it, or replaces the one with its name.
    package mutating func register(_ new: Registration, now: ContinuousClock.Instant) throws(RegistrationFailure) {
        try check(new)
        remove(new.id)
        registrations[new.id] = new
        owners[new.address] = new.id
        byService[new.service, default: []].insert(new.id)
        if let workload = new.workload { byCgroup[workload.cgroup, default: []].insert(new.id) }
        ends[new.id] = new.timeToLive.map { now + $0 }
    }

    private func check(_ new: Registration) throws(RegistrationFailure) {
        guard Registration.isID(new.id) else {
            throw RegistrationFailure(
                .invalid, "that is no name of an instance", advice: "use 1 to \(Registration.longestID) of a-z, A-Z, 0-9, - . _ @ :")
        }
        guard registrations[new.id] != nil || registrations.count < Self.maximum else {
            throw RegistrationFailure(.full, "\(Self.maximum) instances are registered", advice: "deregister those that are gone")
        }
        if let owner = owners[new.address], owner != new.id {
            throw RegistrationFailure(
                .conflict, "\(new.address) is registered as \(owner)", advice: "deregister that one first, or use its name")
        }
        // All but the one that is replaced agree already: any one of them tells.
        if let other = another(than: new.id, in: byService[new.service]),
            other.servicePort != new.servicePort || other.applicationProtocol != new.applicationProtocol
        {
            throw RegistrationFailure(
                .conflict,
                "\(new.service) has port \(other.servicePort) and protocol \(other.applicationProtocol.rawValue), as \(other.id) says",
                advice: "register all instances of a service alike; `service_port` may differ from an instance's own port")
        }
        if let workload = new.workload, let other = another(than: new.id, in: byCgroup[workload.cgroup]), other.service != new.service {
            throw RegistrationFailure(
                .conflict, "the cgroup \(workload.cgroup) is \(other.service), as \(other.id) says",
                advice: "a process group is one service: deregister that one first")
        }
    }

    private func another(than id: String, in ids: Set<String>?) -> Registration? {
        ids?.first { $0 != id }.flatMap { registrations[$0] }
    }

    package mutating func heartbeat(_ id: String, now: ContinuousClock.Instant) throws(RegistrationFailure) {
        let known = try known(id)
        ends[id] = known.timeToLive.map { now + $0 }
    }

    /// - Returns: whether that changed anything.
    package mutating func drain(_ id: String, _ isDraining: Bool) throws(RegistrationFailure) -> Bool {
        guard try known(id).isDraining != isDraining else { return false }
        registrations[id]?.isDraining = isDraining
        return true
    }

    package mutating func deregister(_ id: String) throws(RegistrationFailure) {
        _ = try known(id)
        remove(id)
    }

    /// - Returns: those whose heartbeats stopped; they are gone.
    package mutating func expire(now: ContinuousClock.Instant) -> [Registration] {
        let late = ends.filter { $0.value <= now }.keys.sorted()
        defer { for id in late { remove(id) } }
        return late.compactMap { registrations[$0] }
    }

    private func known(_ id: String) throws(RegistrationFailure) -> Registration {
        if let known = registrations[id] { return known }
        throw RegistrationFailure(
            .unknown, "no instance \"\(Registration.isID(id) ? id : "?")\" is registered",
            advice: "see `myelinctl registry instances`; one whose heartbeats stopped must register again")
    }

    private mutating func remove(_ id: String) {
        ends[id] = nil
        guard let gone = registrations.removeValue(forKey: id) else { return }
        owners[gone.address] = nil
        byService[gone.service]?.remove(id)
        if byService[gone.service]?.isEmpty == true { byService[gone.service] = nil }
        guard let cgroup = gone.workload?.cgroup else { return }
        byCgroup[cgroup]?.remove(id)
        if byCgroup[cgroup]?.isEmpty == true { byCgroup[cgroup] = nil }
    }

    package var records: RegistryRecords {
        var records = RegistryRecords()
        var positions: [ServiceIdentity: Int] = [:]
        var cgroups: Set<String> = []
        for registration in all {
            let location = RuleLocation(file: "embedded:\(registration.id)", line: 0, column: 0)
            let endpoint = RegistryRecords.EndpointRecord(
                address: registration.address.ip, port: registration.address.port, node: node, version: registration.version,
                weight: registration.weight, isDraining: registration.isDraining, location: location)
            if let position = positions[registration.service] {
                records.services[position].endpoints.append(endpoint)
            } else {
                positions[registration.service] = records.services.count
                records.services.append(
                    RegistryRecords.Service(
                        identity: registration.service, port: registration.servicePort,
                        applicationProtocol: registration.applicationProtocol, team: registration.team, version: registration.version,
                        endpoints: [endpoint], location: location))
            }
            guard let workload = registration.workload, cgroups.insert(workload.cgroup).inserted else { continue }
            records.workloads.append(RegistryRecords.WorkloadRecord(workload: workload, node: node, location: location))
        }
        return records
    }
}
