internal import MeshConfig
internal import MeshPolicy
internal import MeshTypes

/// A policy file is refused with places, or accepted; then every question that a node asks of it has an answer, each time the same.
enum PolicyProperty {
    private static let names = ["wallet", "usage", "router"].map { ServiceIdentity(namespace: "default", name: ServiceName($0)!) }
    private static let file = "wallet.yaml"

    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        do throws(DocumentErrors) {
            let policy = try PolicyDocuments.read(Array(bytes), file: file)
            return answerComplaint(policy, try PolicyDocuments.read(Array(bytes), file: file))
        } catch {
            return DocumentProperty.complaint(about: error, in: bytes)
        }
    }

    private static func answerComplaint(_ policy: ServicePolicy, _ second: ServicePolicy) -> String? {
        let (one, two) = (PolicySet([policy], namespace: "default"), PolicySet([second], namespace: "default"))
        if policy.service != second.service { return "another service the second time" }
        for service in names {
            if one.traffic(to: service) != two.traffic(to: service) { return "other rules for \(service) the second time" }
            for other in names {
                let decision = one.decide(source: service, destination: other)
                if decision.reason != two.decide(source: service, destination: other).reason { return "another decision the second time" }
                // A denial of nothing would be a rule that does not bind.
                if decision.reason == .denied, decision.rule == nil { return "a denial without a rule" }
                if decision.reason == .none, policy.deny.contains(where: { $0.peer == .any && $0.operation == nil }),
                    policy.service == service.name
                {
                    return "\(other) may be called although everything is denied"
                }
            }
        }
        return nil
    }
}

/// A node's configuration is refused with places; or it can be written out, and read again as the same.
enum NodeProperty {
    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        let configuration: NodeConfiguration
        do throws(DocumentErrors) { configuration = try NodeConfiguration.read(Array(bytes), file: "node.yaml") } catch {
            return DocumentProperty.complaint(about: error, in: bytes)
        }
        let rendered = configuration.rendered
        do throws(DocumentErrors) {
            let again = try NodeConfiguration.read(Array(rendered.utf8), file: "node.yaml").rendered
            return again == rendered ? nil : "rendered as \(rendered), then as \(again)"
        } catch { return "what was rendered is refused: \(error)\n\(rendered)" }
    }
}
