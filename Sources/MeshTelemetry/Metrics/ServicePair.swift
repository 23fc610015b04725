internal import MeshTypes

/// Who called whom, as metrics are labelled. Numbers of services; `.none` for those that nobody knows.
struct ServicePair: Hashable {
    let reporter: FlowRecord.Reporter
    let source: ServiceID
    let destination: ServiceID
    let isMutualTLS: Bool
    private(set) var isOther = false

    init(_ record: FlowRecord, _ names: (ServiceID) -> ServiceIdentity?) {
        reporter = record.reporter
        source = names(record.source) == nil ? .none : record.source
        destination = names(record.destination) == nil ? .none : record.destination
        isMutualTLS = record.path == .tunnel
    }

    /// Where it is counted when there are too many pairs.
    var other: ServicePair {
        var pair = self
        pair.isOther = true
        return pair
    }

    static func == (left: ServicePair, right: ServicePair) -> Bool {
        guard left.reporter == right.reporter, left.isMutualTLS == right.isMutualTLS, left.isOther == right.isOther else { return false }
        return left.isOther || (left.source == right.source && left.destination == right.destination)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(isOther)
        if !isOther {
            hasher.combine(source)
            hasher.combine(destination)
        }
    }

    func labels(_ names: (ServiceID) -> ServiceIdentity?, protocol name: String) -> [MetricSample.Label] {
        let (source, destination) = (names(source), names(destination))
        let (from, to) = isOther ? ("other", "other") : (Self.name(source), Self.name(destination))
        return [
            MetricSample.Label("reporter", reporter == .source ? "source" : "destination"),
            MetricSample.Label("source_workload", from),
            MetricSample.Label("source_workload_namespace", isOther ? "other" : source?.namespace ?? "unknown"),
            MetricSample.Label("destination_service", to),
            MetricSample.Label("destination_service_namespace", isOther ? "other" : destination?.namespace ?? "unknown"),
            MetricSample.Label("request_protocol", name),
            MetricSample.Label("connection_security_policy", isMutualTLS ? "mutual_tls" : "none"),
        ]
    }

    private static func name(_ identity: ServiceIdentity?) -> String { identity.map { "\($0.name)" } ?? "unknown" }
}
