package import MeshTypes

/// Why a whole HTTP/2 connection had to be given up, a tunnel's or a workload's. The GOAWAY that tells the peer carries `code` as its debug data.
package enum HBONEFailure: UInt8, Error, Sendable, BitwiseCopyable, CaseIterable, CustomStringConvertible {
    case settingsFlood
    case pingFlood
    case rapidReset
    case headerBomb
    case emptyDataFlood
    case priorityFlood
    case unknownFrameFlood
    case windowUpdateFlood
    case invalidFrameFlood
    case acknowledgementFlood
    /// More frames waited for the peer to read than `SessionLimits.maximumBacklog`.
    case unreadOutput
    case serverPush
    /// The peer gave no connection window for longer than `SessionLimits.stallTimeout`.
    case stalled
    case protocolViolation
    case outOfMemory

    /// The stable code, for logs and for the peer.
    package var code: StaticString {
        switch self {
        case .settingsFlood: "settings_flood"
        case .pingFlood: "ping_flood"
        case .rapidReset: "rapid_reset"
        case .headerBomb: "header_bomb"
        case .emptyDataFlood: "empty_data_flood"
        case .priorityFlood: "priority_flood"
        case .unknownFrameFlood: "unknown_frame_flood"
        case .windowUpdateFlood: "window_update_flood"
        case .invalidFrameFlood: "invalid_frame_flood"
        case .acknowledgementFlood: "acknowledgement_flood"
        case .unreadOutput: "unread_output"
        case .serverPush: "server_push"
        case .stalled: "stalled"
        case .protocolViolation: "protocol_violation"
        case .outOfMemory: "out_of_memory"
        }
    }

    /// What the streams of the connection are refused with.
    package var reason: DenialReason {
        switch self {
        case .settingsFlood, .pingFlood, .rapidReset, .headerBomb, .emptyDataFlood, .priorityFlood, .unknownFrameFlood,
            .windowUpdateFlood, .invalidFrameFlood, .acknowledgementFlood, .serverPush, .protocolViolation:
            .protocolViolation
        case .stalled, .unreadOutput, .outOfMemory: .overloaded
        }
    }

    /// The code of the GOAWAY.
    var goAwayCode: HBONEErrorCode {
        switch self {
        case .settingsFlood, .pingFlood, .rapidReset, .headerBomb, .emptyDataFlood, .priorityFlood, .unknownFrameFlood,
            .windowUpdateFlood, .invalidFrameFlood, .acknowledgementFlood, .serverPush, .stalled,
            .unreadOutput:
            .enhanceYourCalm
        case .protocolViolation: .protocolError
        case .outOfMemory: .internalError
        }
    }

    package var description: String { "\(code)" }
}
