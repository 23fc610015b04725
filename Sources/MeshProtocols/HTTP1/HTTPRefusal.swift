/// Why a message is refused. What two programs could read in two ways is never passed on.
///
/// Sections are those of RFC 9112 unless another is named.
package enum HTTPRefusal: UInt8, Error, Sendable, BitwiseCopyable, CaseIterable {
    case badStartLine
    case startLineTooLong
    case headTooLarge
    case tooManyFields
    case bareLineFeed
    case bareCarriageReturn
    case badFieldName
    case spaceBeforeColon
    case foldedField
    case badFieldValue
    case missingHost
    case repeatedHost
    case badHost
    case badTarget
    case connectMethod
    case badVersion
    case repeatedContentLength
    case badContentLength
    case lengthWithTransferCoding
    case badTransferCoding
    case unknownTransferCoding
    case transferCodingInOldVersion
    case badConnectionOption
    case unknownExpectation
    case badChunk
    case badTrailer
    case badReservedField
    case badGRPCTimeout

    /// The status of the answer (RFC 9110 §15).
    package var status: Int {
        switch self {
        case .startLineTooLong: 414
        case .headTooLarge, .tooManyFields: 431
        case .unknownTransferCoding, .connectMethod: 501
        case .unknownExpectation: 417
        case .badVersion: 505
        default: 400
        }
    }

    /// What the sender did, and where that is forbidden.
    package var explanation: String {
        switch self {
        case .badStartLine: "the start line is malformed (§3, §4)"
        case .startLineTooLong: "the request line is longer than 8 KiB (§3)"
        case .headTooLarge: "the head is larger than 64 KiB (RFC 9110 §5.4)"
        case .tooManyFields: "the head has more than 128 fields (RFC 9110 §5.4)"
        case .bareLineFeed: "a line ends without CR (§2.2)"
        case .bareCarriageReturn: "a CR stands without LF (§2.2)"
        case .badFieldName: "a field's name is no token (§5)"
        case .spaceBeforeColon: "white space stands between a field's name and its colon (§5.1)"
        case .foldedField: "a field goes on over a second line (§5.2)"
        case .badFieldValue: "a field's value has control characters (RFC 9110 §5.5)"
        case .missingHost: "there is no Host (§3.2)"
        case .repeatedHost: "there are several Hosts (§3.2)"
        case .badHost: "Host is no host and port (§3.2, RFC 3986 §3.2.2)"
        case .badTarget: "the request target is malformed (§3.2)"
        case .connectMethod: "CONNECT is not served (§3.2.3)"
        case .badVersion: "the version is not HTTP/1 (§2.3)"
        case .repeatedContentLength: "there are several Content-Lengths (§6.3)"
        case .badContentLength: "Content-Length is no number (RFC 9110 §8.6)"
        case .lengthWithTransferCoding: "Content-Length and Transfer-Encoding contradict each other (§6.1)"
        case .badTransferCoding: "Transfer-Encoding is repeated or does not end in a single chunked (§6.1)"
        case .unknownTransferCoding: "Transfer-Encoding has a coding other than chunked (§6.1)"
        case .transferCodingInOldVersion: "Transfer-Encoding stands in a message of HTTP/1.0 (§6.1)"
        case .badConnectionOption: "Connection names a field that belongs to the message itself (RFC 9110 §7.6.1)"
        case .unknownExpectation: "Expect has something other than 100-continue (RFC 9110 §10.1.1)"
        case .badChunk: "a chunk is malformed (§7.1)"
        case .badTrailer: "the trailer section is malformed or longer than 16 KiB (§7.1.2)"
        case .badReservedField: "a field of the mesh's own (x-myelin-deadline) is repeated or malformed"
        case .badGRPCTimeout: "grpc-timeout is repeated, or not one to eight digits and one of H, M, S, m, u, n (gRPC over HTTP/2)"
        }
    }
}
