internal import MeshTypes

/// A file that enrolling writes.
package struct PlannedFile: Sendable, Equatable {
    package let path: String
    package let text: String

    package init(path: String, text: String) {
        self.path = path
        self.text = text
    }
}

/// The files that make a unit a service of the mesh, and what its operator should know. Pure.
package struct EnrolmentPlan: Sendable {
    package static let slice = "meshed.slice"
    package static let dropIn = "50-myelin.conf"
    package static let recordPrefix = "enrolled-"
    private static let waitLimit = 30

    package private(set) var files: [PlannedFile] = []
    package private(set) var remarks: [String] = []

    package init(_ request: EnrolmentRequest, _ facts: UnitFacts, _ place: EnrolmentPlace) throws(EnrolmentRefusal) {
        guard facts.isLoaded else {
            throw EnrolmentRefusal("systemd has no unit \(request.unit.text)", "write it first, or correct the name")
        }
        if facts.network == .own, request.port != nil, request.address == nil {
            throw EnrolmentRefusal(
                "\(request.unit.text) has a network of its own (PrivateNetwork=yes)", "say at which address it is reached there: --address")
        }
        if request.port == nil, !place.knowsService {
            throw EnrolmentRefusal(
                "the registry does not have the service \(request.service.name)", "say on which port it listens: --port")
        }
        let cgroup = request.movesToSlice ? "/\(Self.slice)/\(request.unit.text)" : facts.cgroup(of: request.unit)
        if !place.knowsNode { files.append(Self.nodeRecord(place)) }
        files.append(record(request, facts, place, cgroup))
        files.append(dropIn(request, place, cgroup))
        remark(request, facts, place)
    }

    package static func recordFile(_ unit: UnitName, _ registry: String) -> String { "\(registry)/\(recordPrefix)\(unit.text).yaml" }
    package static func nodeFile(_ registry: String) -> String { "\(registry)/\(recordPrefix)node.yaml" }
    package static func dropInFile(_ unit: UnitName, _ directory: String) -> String { "\(directory)/\(unit.text).d/\(dropIn)" }

    /// As YAML takes it literally: unit names may have backslashes.
    private static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }

    private static func nodeRecord(_ place: EnrolmentPlace) -> PlannedFile {
        var keys = ["name: \(quoted(place.node))", "address: '\(place.address)'", "tunnel_port: \(place.tunnelPort)"]
        if !place.zone.isEmpty { keys.append("zone: \(quoted(place.zone))") }
        if !place.region.isEmpty { keys.append("region: \(quoted(place.region))") }
        let text = """
            # Written by `myelinctl enrol`: this node, which no other file of the registry names.
            nodes:
              - {\(keys.joined(separator: ", "))}

            """
        return PlannedFile(path: nodeFile(place.registry), text: text)
    }

    private func record(_ request: EnrolmentRequest, _ facts: UnitFacts, _ place: EnrolmentPlace, _ cgroup: String) -> PlannedFile {
        var lines = ["# Written by `myelinctl enrol \(request.unit.text)`; `myelinctl withdraw \(request.unit.text)` removes it."]
        if let port = request.port, !place.knowsService {
            lines += [
                "services:", "  - service: \(request.service.name)", "    namespace: \(request.service.namespace)", "    port: \(port)",
            ]
            if let name = request.protocolName { lines.append("    protocol: \(name)") }
            lines += ["    endpoints:", "      - {address: '\(request.address ?? place.address)', node: \(Self.quoted(place.node))}"]
        }
        let network =
            switch facts.network {
            case .host: ", netns: host"
            case .own: ""
            case .named(let path): ", netns: \(Self.quoted(path))"
            }
        let name = "service: \(request.service.name), namespace: \(request.service.namespace)"
        lines += ["workloads:", "  - {\(name), node: \(Self.quoted(place.node)), cgroup: \(Self.quoted(cgroup))\(network)}", ""]
        return PlannedFile(path: Self.recordFile(request.unit, place.registry), text: lines.joined(separator: "\n"))
    }

    /// `!`: as root, but in the unit's own sandbox, so that the daemon finds the unit's own network namespace.
    private func dropIn(_ request: EnrolmentRequest, _ place: EnrolmentPlace, _ cgroup: String) -> PlannedFile {
        var lines = [
            "# Written by `myelinctl enrol \(request.unit.text)`; `myelinctl withdraw \(request.unit.text)` removes it.", "[Unit]",
            "Wants=myelind.service", "After=myelind.service",
            "# From the boot on: until it is captured the unit is closed.", "Requires=myelin-closed.service", "After=myelin-closed.service",
            "", "[Service]",
        ]
        if request.movesToSlice { lines.append("Slice=\(Self.slice)") }
        if request.waits {
            lines += [
                "# Nothing of it runs before it is captured.",
                "ExecStartPre=!/usr/bin/myelinctl await --timeout \(Self.waitLimit) \(cgroup.replacing("\\", with: "\\\\").replacing("%", with: "%%"))",
            ]
        }
        lines += Self.limits(request)
        return PlannedFile(path: Self.dropInFile(request.unit, place.unitDirectory), text: lines.joined(separator: "\n") + "\n")
    }

    /// Capabilities by which a process gets around its sockets, or out of its cgroup.
    package static let deniedCapabilities = [
        "NET_ADMIN", "NET_RAW", "SYS_ADMIN", "BPF", "PERFMON", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO",
    ]

    /// Both lists take away: what the unit itself does not permit stays forbidden.
    private static func limits(_ request: EnrolmentRequest) -> [String] {
        let denied = deniedCapabilities.filter { !request.keptCapabilities.contains($0) }.map { "CAP_" + $0 }
        var lines = ["# What would lead out of the mesh: devices, raw frames, other programs' memory, the cgroups of others."]
        if !denied.isEmpty { lines.append("CapabilityBoundingSet=~\(denied.joined(separator: " "))") }
        if !request.keptCapabilities.contains("NET_RAW") { lines.append("RestrictAddressFamilies=~AF_PACKET AF_XDP AF_KEY") }
        if !request.writesCgroups { lines.append("ProtectControlGroups=yes") }
        return lines
    }

    private mutating func remark(_ request: EnrolmentRequest, _ facts: UnitFacts, _ place: EnrolmentPlace) {
        if facts.isActive, request.movesToSlice, facts.slice != Self.slice {
            remarks.append("restart \(request.unit.text): until then it runs in \(facts.slice) and is not captured")
        } else if facts.isActive {
            remarks.append("\(request.unit.text) runs: the daemon captures it now and ends the connections that it had before")
        }
        let kept = Self.deniedCapabilities.filter(request.keptCapabilities.contains)
        if !kept.isEmpty {
            remarks.append("\(request.unit.text) keeps \(kept.joined(separator: " ")): it can leave the mesh if it wants to")
        }
        if facts.isActive { remarks.append("at its next start it loses rights that lead out of the mesh (see `--keep-capability`)") }
        if place.knowsService, !place.hasEndpoint {
            remarks.append(
                "the record of \(request.service.name) has no endpoint on \(place.node): add one there if it is to be called on this node")
        }
        if !place.hasPolicy {
            remarks.append("no policy: \(request.service.name) may call nothing, until there is a file for it in the policy directory")
        }
        if let store = place.store {
            remarks.append("other nodes learn of it by \(store)")
        } else {
            remarks.append("other nodes learn of it by their own registry: copy \(Self.recordFile(request.unit, place.registry)) to them")
        }
        if place.asksAuthority {
            remarks.append(
                "the authority's registry must name \(place.node) among the `nodes` of \(request.service.name), or it gives no certificate for it here"
            )
        }
    }
}

/// Why a unit cannot be enrolled, and what to do.
package struct EnrolmentRefusal: Error, Sendable, CustomStringConvertible {
    package let what: String
    package let advice: String

    package init(_ what: String, _ advice: String) {
        self.what = what
        self.advice = advice
    }

    package var description: String { "\(what); \(advice)" }
}
