/// What systemd says of a unit (`systemctl show`).
package struct UnitFacts: Sendable, Equatable {
    package static let properties = ["LoadState", "ActiveState", "ControlGroup", "Slice", "PrivateNetwork", "NetworkNamespacePath"]

    /// Where its processes have their network.
    package enum Network: Sendable, Equatable {
        case host
        /// A namespace of its own, which its first process tells.
        case own
        case named(String)
    }

    package let isLoaded: Bool
    package let isActive: Bool
    package let slice: String
    package let network: Network
    private let controlGroup: String

    package init(_ output: String) {
        var values: [Substring: Substring] = [:]
        for line in output.split(separator: "\n") {
            guard let separator = line.firstIndex(of: "=") else { continue }
            values[line[..<separator]] = line[line.index(after: separator)...]
        }
        isLoaded = values["LoadState"] == "loaded"
        isActive = ["active", "activating", "reloading"].contains(values["ActiveState"] ?? "")
        controlGroup = String(values["ControlGroup"] ?? "")
        slice = values["Slice"].map(String.init).flatMap { $0.isEmpty ? nil : $0 } ?? "system.slice"
        if let path = values["NetworkNamespacePath"], !path.isEmpty {
            network = .named(String(path))
        } else {
            network = values["PrivateNetwork"] == "yes" ? .own : .host
        }
    }

    /// Below the cgroup v2 mount: where it is, or will be once it is started.
    package func cgroup(of unit: UnitName) -> String {
        controlGroup.isEmpty ? UnitName.cgroup(ofSlice: slice) + "/" + unit.text : controlGroup
    }
}
