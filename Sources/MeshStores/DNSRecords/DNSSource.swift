package import MeshConfig
internal import MeshPolicy
package import MeshRegistry
package import MeshTypes

/// A service whose addresses a DNS server knows (R2.2). It is asked again when what it said ends to hold.
///
/// DNS tells neither nodes nor identities: each address is taken to have an HBONE peer of its own, which must show the service's certificate.
package struct DNSSource: RegistrySource {
    /// Seconds; a server that says 0 is not asked all the time, and one that says a week is not believed for as long.
    private static let shortestTime: UInt32 = 5
    private static let longestTime: UInt32 = 300
    private static let longestPause = Duration.seconds(30)

    package let name: SourceName
    private let service: NodeConfiguration.Stores.DNSService

    package init(_ service: NodeConfiguration.Stores.DNSService) {
        self.service = service
        name = SourceName(.dns, instance: "\(service.service.name).\(service.service.namespace)")
    }

    package func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
        let resolver = DNSResolver(server: service.resolver)
        let lookup = DNSLookup { question throws(StoreError) in try await resolver.ask(question) }
        var random = SystemRandomNumberGenerator()
        var pause = RetryPause(longest: Self.longestPause)
        while !Task.isCancelled {
            let wait: Duration
            do throws(StoreError) {
                let result = try await lookup.addresses(service)
                pause.succeeded()
                let time = min(Self.longestTime, max(Self.shortestTime, result.timeToLive))
                await report(.records(records(result), SourceNote(generation: "for \(time) s")))
                wait = .seconds(Int64(time))
            } catch {
                guard !Task.isCancelled else { return }
                let failure = error.failure(of: "the resolver \(service.resolver)", access: "let it answer this node, or name another one")
                await report(.failed(failure))
                wait = pause.failed(using: &random)
            }
            try? await Task.sleep(for: wait)
        }
    }

    private func records(_ result: DNSLookup.Result) -> RegistryRecords {
        let text: String =
            switch service.lookup {
            case .srv(let name), .address(let name): name
            }
        let location = RuleLocation(file: "dns:\(text)", line: 0, column: 0)
        var records = RegistryRecords()
        let endpoints = result.found.map { found in
            RegistryRecords.EndpointRecord(
                address: found.address.ip, port: found.address.port, node: nil, weight: found.weight,
                tunnel: SocketAddress(ip: found.address.ip, port: service.tunnelPort), location: location)
        }
        records.services = [
            RegistryRecords.Service(
                identity: service.service, port: service.port, applicationProtocol: service.applicationProtocol, endpoints: endpoints,
                location: location)
        ]
        return records
    }
}
