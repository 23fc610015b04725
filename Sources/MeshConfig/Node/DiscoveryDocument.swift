package import MeshPolicy
package import MeshTypes

/// A rule of `discovery:` (R2.3): which process groups of this node are which service.
package struct DiscoveryRule: Sendable, Hashable {
    package enum Place: Sendable, Hashable {
        /// Below the cgroup v2 mount, one pattern for each name of the path.
        case cgroup([NamePattern])
        /// A systemd unit, in whichever slice.
        case unit(NamePattern)
    }

    package let place: Place
    package let service: Template
    package let namespace: String
    /// Where an instance listens; nil: its processes are the service, but nobody calls them.
    package let port: Template?
    /// Of the service's virtual addresses, unless another source has a record of the service.
    package let servicePort: UInt16
    package let applicationProtocol: ApplicationProtocol
    package let version: Template?
    package let weight: Int
    /// In the node's network namespace.
    package let sharesNodeNamespace: Bool
    /// Path of its network namespace; nil for whichever its processes are in.
    package let networkNamespace: Template?
    package let location: RuleLocation
}

/// Reads `discovery:` of `node.yaml`.
enum DiscoveryDocument {
    static let maximumRules = 256
    private static let maximumDepth = 16
    private static let keys = ["cgroup", "unit", "service", "namespace", "port", "service_port", "protocol", "version", "weight", "netns"]

    /// - Parameter namespace: of rules that name none.
    static func rules(_ value: DocumentValue, namespace: String) -> [DiscoveryRule] {
        guard let list = value.list() else { return [] }
        if list.count > maximumRules {
            value.report("has \(list.count) rules, where \(maximumRules) are the most", "let one pattern stand for several services")
        }
        return list.prefix(maximumRules).compactMap { rule($0, namespace: namespace) }
    }

    private static func rule(_ value: DocumentValue, namespace: String) -> DiscoveryRule? {
        guard let mapping = value.completeMapping(keys: keys), let (place, variables) = place(mapping) else { return nil }
        func template(_ key: String) -> Template? { mapping[key].flatMap { Self.template($0, variables) } }
        guard mapping.required("service") != nil, let service = template("service") else { return nil }
        let port = template("port")
        let netns = mapping["netns"]?.string() == "host" ? nil : template("netns")
        if let netns, !netns.text.hasPrefix("/") || netns.text.split(separator: "/").contains("..") {
            mapping["netns"]?.report("is neither `host` nor an absolute path without `..`", "write `host`, or /run/netns/NAME")
        }
        return DiscoveryRule(
            place: place, service: name(service, mapping["service"]), namespace: mapping["namespace"]?.label() ?? namespace, port: port,
            servicePort: servicePort(mapping, port), applicationProtocol: mapping["protocol"]?.choice(ApplicationProtocol.self) ?? .auto,
            version: template("version"), weight: mapping["weight"]?.integer(in: 1...10_000) ?? 1,
            sharesNodeNamespace: mapping["netns"]?.string() == "host", networkNamespace: netns, location: value.location)
    }

    private static func place(_ mapping: DocumentMapping) -> (DiscoveryRule.Place, Set<String>)? {
        switch (mapping["cgroup"], mapping["unit"]) {
        case (let cgroup?, nil):
            guard let path = cgroup.absolutePath() else { return nil }
            let names = path.split(separator: "/").map { pattern(String($0), cgroup) }
            let known = names.compactMap(\.self)
            guard known.count == names.count, !known.isEmpty, known.count <= maximumDepth else {
                if known.count == names.count {
                    cgroup.report("has no name, or more than \(maximumDepth)", "name the group of one instance")
                }
                return nil
            }
            let variables = known.flatMap(\.variables)
            if Set(variables).count < variables.count { cgroup.report("uses a variable twice", "give each a name of its own") }
            return (.cgroup(known), Set(variables))
        case (nil, let unit?):
            guard let text = unit.text(), let pattern = pattern(text, unit) else { return nil }
            if text.contains("/") || !text.hasSuffix(".service") && !text.hasSuffix(".scope") {
                unit.report("is no unit with processes", "write NAME.service, with `*` or {variable} for what varies")
            }
            return (.unit(pattern), Set(pattern.variables))
        default:
            mapping.value.report(
                "needs a `cgroup` or a `unit`, and not both", "write `unit: wallet@*.service`, or `cgroup: /system.slice/wallet*.service`")
            return nil
        }
    }

    private static func pattern(_ text: String, _ value: DocumentValue) -> NamePattern? {
        if let pattern = NamePattern(text) { return pattern }
        value.report(
            "has \"\(Excerpt.of(text))\", which is no pattern",
            "`*` and {variable} must not touch each other, at most four in a name; a variable is lower-case letters and `_`")
        return nil
    }

    private static func template(_ value: DocumentValue, _ variables: Set<String>) -> Template? {
        guard let text = value.text() else { return nil }
        let template = Template(text)
        guard let used = template.variables else {
            value.report("has braces that do not match", "write variables as {name}")
            return nil
        }
        for unknown in used where !variables.contains(unknown) {
            value.report(
                "uses {\(Excerpt.of(unknown))}, which the pattern does not set",
                variables.isEmpty
                    ? "write {\(Excerpt.of(unknown))} into `cgroup` or `unit`" : Suggestion.text(for: unknown, among: variables.sorted()))
        }
        return template
    }

    /// Without a variable the name is checked here, else when it is known.
    private static func name(_ service: Template, _ value: DocumentValue?) -> Template {
        guard service.variables?.isEmpty == true, let name = value?.serviceName() else { return service }
        return Template("\(name)")
    }

    private static func servicePort(_ mapping: DocumentMapping, _ port: Template?) -> UInt16 {
        if let own = mapping["service_port"]?.port() { return own }
        guard let port else { return 0 }
        if port.variables?.isEmpty == true { return mapping["port"]?.port() ?? 0 }
        if mapping["service_port"] == nil {
            mapping["port"]?.report("differs between instances", "give the service one with `service_port`: callers use that")
        }
        return 0
    }
}

extension [DiscoveryRule] {
    /// As `load` reads it.
    func rendered(quoted: (String) -> String) -> [String] {
        isEmpty ? [] : ["discovery:"] + map { "  - {\($0.entries(quoted: quoted).joined(separator: ", "))}" }
    }
}

extension DiscoveryRule {
    /// `/lab/wallet-*`, or the unit.
    package var pattern: String {
        switch place {
        case .cgroup(let names): names.map { "/" + $0.text }.joined()
        case .unit(let name): name.text
        }
    }

    fileprivate func entries(quoted: (String) -> String) -> [String] {
        var entries: [String] =
            switch place {
            case .cgroup: ["cgroup: \(quoted(pattern))"]
            case .unit: ["unit: \(quoted(pattern))"]
            }
        entries += ["service: \(quoted(service.text))", "namespace: \(quoted(namespace))"]
        if let port { entries.append("port: \(quoted(port.text))") }
        if servicePort > 0 { entries.append("service_port: \(servicePort)") }
        entries += ["protocol: \(applicationProtocol.rawValue)", "weight: \(weight)"]
        if let version { entries.append("version: \(quoted(version.text))") }
        if sharesNodeNamespace { entries.append("netns: host") }
        if let networkNamespace { entries.append("netns: \(quoted(networkNamespace.text))") }
        return entries
    }
}
