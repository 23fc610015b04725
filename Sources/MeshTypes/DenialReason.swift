/// Why traffic was refused. Codes are stable: they stand in answers, logs, metrics and documentation.
///
/// Values up to 63 are given by the kernel programs (`enum myelin_reason`), from 64 on by the daemon.
package enum DenialReason: UInt8, Sendable, BitwiseCopyable, CaseIterable, CustomStringConvertible {
    case none = 0
    case notAllowed = 1
    case denied = 2
    case egress = 3
    case unknownWorkload = 4
    case udp = 5
    case rawSocket = 6
    case mptcp = 7
    case socketKind = 8
    case plaintext = 9
    case ownPort = 10
    case noEndpoint = 11
    case tableFull = 12
    case notRunning = 13
    case leak = 14
    case wrongListener = 15
    case unreadablePacket = 16

    case noCertificate = 64
    case peerUnverified = 65
    case peerIdentity = 66
    case malformedRequest = 67
    case notAnEndpoint = 68
    case endpointRefused = 69
    case endpointTimeout = 70
    case tunnelFailed = 71
    case overloaded = 72
    case noRecord = 73
    case protocolViolation = 74
    case draining = 75
    case reset = 76
    case deadlineExceeded = 77
    case rateLimited = 78
    case badRequest = 79
    case badResponse = 80
    case endpointClosed = 81
    case circuitOpen = 82
    case queueFull = 83
    case injectedFault = 84
    case shed = 92
    case limitUnavailable = 93
    case endpointNotReady = 85
    case idleTimeout = 91
    case certificateRevoked = 94
    case forgedIdentity = 100
    case certificateExpired = 95
    case permitWithdrawn = 96
    case shareExhausted = 97
    case handshakeLimit = 98
    case nameRefused = 99

    /// The stable code, as in `x-myelin-reason`.
    package var code: String {
        switch self {
        case .none: "none"
        case .notAllowed: "not_allowed"
        case .denied: "denied"
        case .egress: "egress_denied"
        case .unknownWorkload: "unknown_workload"
        case .udp: "udp_refused"
        case .rawSocket: "raw_socket_refused"
        case .mptcp: "mptcp_refused"
        case .socketKind: "socket_kind_refused"
        case .plaintext: "plaintext_refused"
        case .ownPort: "own_port_refused"
        case .noEndpoint: "no_endpoint"
        case .tableFull: "table_full"
        case .notRunning: "daemon_not_running"
        case .leak: "leak_stopped"
        case .wrongListener: "wrong_listener"
        case .unreadablePacket: "unreadable_packet"
        case .noCertificate: "no_certificate"
        case .peerUnverified: "peer_unverified"
        case .peerIdentity: "peer_identity"
        case .malformedRequest: "malformed_request"
        case .notAnEndpoint: "not_an_endpoint"
        case .endpointRefused: "endpoint_refused"
        case .endpointTimeout: "endpoint_timeout"
        case .tunnelFailed: "tunnel_failed"
        case .overloaded: "overloaded"
        case .noRecord: "no_capture_record"
        case .protocolViolation: "protocol_violation"
        case .draining: "draining"
        case .reset: "reset"
        case .deadlineExceeded: "deadline_exceeded"
        case .rateLimited: "rate_limited"
        case .badRequest: "bad_request"
        case .badResponse: "bad_response"
        case .endpointClosed: "endpoint_closed"
        case .circuitOpen: "circuit_open"
        case .queueFull: "queue_full"
        case .injectedFault: "injected_fault"
        case .shed: "load_shed"
        case .limitUnavailable: "limit_unavailable"
        case .endpointNotReady: "endpoint_not_ready"
        case .idleTimeout: "idle_timeout"
        case .certificateRevoked: "certificate_revoked"
        case .forgedIdentity: "forged_identity"
        case .certificateExpired: "certificate_expired"
        case .permitWithdrawn: "permit_withdrawn"
        case .shareExhausted: "share_exhausted"
        case .handshakeLimit: "handshake_limit"
        case .nameRefused: "name_refused"
        }
    }

    package init?(code: String) {
        guard let reason = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = reason
    }

    package var description: String { code }
}
