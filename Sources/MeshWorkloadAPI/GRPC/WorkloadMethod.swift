/// The methods of `SpiffeWorkloadAPI` (SPIFFE Workload API §5.1, §6.1).
package enum WorkloadMethod: String, Sendable, CaseIterable {
    case fetchX509SVID = "FetchX509SVID"
    case fetchX509Bundles = "FetchX509Bundles"
    case fetchJWTSVID = "FetchJWTSVID"
    case fetchJWTBundles = "FetchJWTBundles"
    case validateJWTSVID = "ValidateJWTSVID"

    package static let service = "SpiffeWorkloadAPI"
    package var path: String { "/\(Self.service)/\(rawValue)" }

    init?(path: String) {
        guard let method = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = method
    }
}

/// The header that every call must carry (SPIFFE Workload Endpoint §3): one who makes a server send requests for him cannot add it.
enum SecurityHeader {
    static let name = "workload.spiffe.io"
    static let value = "true"
}
