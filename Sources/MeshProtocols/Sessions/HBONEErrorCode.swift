/// Why a stream or a connection ended (RFC 9113 §7). Unknown codes are kept as they came.
package struct HBONEErrorCode: Hashable, Sendable, BitwiseCopyable, RawRepresentable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noError = HBONEErrorCode(rawValue: 0x0)
    package static let protocolError = HBONEErrorCode(rawValue: 0x1)
    package static let internalError = HBONEErrorCode(rawValue: 0x2)
    package static let flowControlError = HBONEErrorCode(rawValue: 0x3)
    package static let streamClosed = HBONEErrorCode(rawValue: 0x5)
    package static let frameSizeError = HBONEErrorCode(rawValue: 0x6)
    /// The peer did nothing with the stream.
    package static let refusedStream = HBONEErrorCode(rawValue: 0x7)
    /// The caller no longer wants the stream.
    package static let cancel = HBONEErrorCode(rawValue: 0x8)
    /// The TCP connection behind the tunnel was reset or failed (RFC 9113 §8.5).
    package static let connectError = HBONEErrorCode(rawValue: 0xa)
    package static let enhanceYourCalm = HBONEErrorCode(rawValue: 0xb)
    /// INADEQUATE_SECURITY. Of a stream in a tunnel: the callee's node does not permit it, or no longer; the endpoint did not fail.
    package static let permitWithdrawn = HBONEErrorCode(rawValue: 0xc)

    /// True only when the peer promises that no byte reached the endpoint (RFC 9113 §8.7).
    package var isSafeToRetry: Bool { self == .refusedStream }

    package var description: String {
        switch self {
        case .noError: "NO_ERROR"
        case .protocolError: "PROTOCOL_ERROR"
        case .internalError: "INTERNAL_ERROR"
        case .flowControlError: "FLOW_CONTROL_ERROR"
        case .streamClosed: "STREAM_CLOSED"
        case .frameSizeError: "FRAME_SIZE_ERROR"
        case .refusedStream: "REFUSED_STREAM"
        case .cancel: "CANCEL"
        case .connectError: "CONNECT_ERROR"
        case .enhanceYourCalm: "ENHANCE_YOUR_CALM"
        case .permitWithdrawn: "INADEQUATE_SECURITY"
        default: "ERROR_\(rawValue)"
        }
    }
}
