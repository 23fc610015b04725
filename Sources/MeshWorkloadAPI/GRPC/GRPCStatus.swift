/// How a call ended (gRPC's `grpc-status` and `grpc-message`).
package struct GRPCStatus: Error, Sendable, Equatable, CustomStringConvertible {
    /// The codes that this API gives or acts on; an agent may send others.
    package enum Code: Int, Sendable, CaseIterable {
        case ok = 0
        case cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied, resourceExhausted
        case failedPrecondition, aborted, outOfRange, notServed, `internal`, unavailable, dataLoss, unauthenticated

        /// As metrics and logs show it.
        package var label: String {
            switch self {
            case .ok: "OK"
            case .cancelled: "CANCELLED"
            case .unknown: "UNKNOWN"
            case .invalidArgument: "INVALID_ARGUMENT"
            case .deadlineExceeded: "DEADLINE_EXCEEDED"
            case .notFound: "NOT_FOUND"
            case .alreadyExists: "ALREADY_EXISTS"
            case .permissionDenied: "PERMISSION_DENIED"
            case .resourceExhausted: "RESOURCE_EXHAUSTED"
            case .failedPrecondition: "FAILED_PRECONDITION"
            case .aborted: "ABORTED"
            case .outOfRange: "OUT_OF_RANGE"
            case .notServed: "UNIMPLEMENTED"
            case .internal: "INTERNAL"
            case .unavailable: "UNAVAILABLE"
            case .dataLoss: "DATA_LOSS"
            case .unauthenticated: "UNAUTHENTICATED"
            }
        }
    }

    /// Bytes of a message that are shown of what a stranger sent.
    private static let longestMessage = 512

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String = "") {
        self.code = code
        self.message = message
    }

    package var description: String { message.isEmpty ? code.label : "\(code.label): \(message)" }

    /// `grpc-message`: bytes outside of printable ASCII, and `%`, as `%` and two hexadecimal digits.
    package var percentEncoded: String {
        var text = ""
        for byte in message.utf8.prefix(Self.longestMessage) {
            if byte >= 0x20, byte <= 0x7e, byte != UInt8(ascii: "%") {
                text.append(Character(Unicode.Scalar(byte)))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += "%" + (byte < 16 ? "0" : "") + digits
            }
        }
        return text
    }

    /// What an agent's trailers say. Control characters do not reach a log.
    package init(trailers: (status: String, message: String?)) {
        let code = Int(trailers.status).flatMap(Code.init(rawValue:)) ?? .unknown
        let text = (trailers.message?.utf8.prefix(Self.longestMessage)).map { Self.percentDecoded($0) } ?? ""
        self.init(code, text)
    }

    private static func percentDecoded(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let byte = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                decoded.append(byte)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(
            String(decoding: decoded, as: UTF8.self).unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "?" : Character($0) })
    }
}
