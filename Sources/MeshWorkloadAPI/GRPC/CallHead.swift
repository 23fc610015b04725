package import NIOHPACK

/// What the head of a request asks for: pure.
package enum CallHead: Equatable {
    case call(WorkloadMethod)
    /// Answered with a status of gRPC. - method: nil for one that does not exist.
    case refused(GRPCStatus, method: WorkloadMethod?)
    /// No call of gRPC at all: answered with a status of HTTP.
    case notGRPC(status: Int)

    private static let contentType = "application/grpc"

    package static func read(_ headers: HPACKHeaders) -> CallHead {
        guard headers.first(name: ":method") == "POST" else { return .notGRPC(status: 405) }
        guard let type = headers.first(name: "content-type"), isGRPC(type) else { return .notGRPC(status: 415) }
        let path = headers.first(name: ":path") ?? ""
        let method = WorkloadMethod(path: path)
        // Before anything else of the call is looked at.
        guard headers[SecurityHeader.name] == [SecurityHeader.value] else {
            return .refused(
                GRPCStatus(.invalidArgument, "the header \(SecurityHeader.name): \(SecurityHeader.value) is missing"), method: method)
        }
        switch method {
        case .fetchX509SVID?, .fetchX509Bundles?: return .call(method!)
        case .fetchJWTSVID?, .fetchJWTBundles?, .validateJWTSVID?:
            return .refused(GRPCStatus(.notServed, "this endpoint serves the X.509-SVID profile only, no JWT-SVIDs"), method: method)
        case nil: return .refused(GRPCStatus(.notServed, "there is no such method here"), method: nil)
        }
    }

    /// Alone or with a suffix (`+proto`) or parameters; `application/grpc-web` is another protocol.
    private static func isGRPC(_ type: String) -> Bool {
        guard type.hasPrefix(contentType) else { return false }
        let next = type.utf8.dropFirst(contentType.utf8.count).first
        return next == nil || next == UInt8(ascii: "+") || next == UInt8(ascii: ";") || next == UInt8(ascii: " ")
    }
}
