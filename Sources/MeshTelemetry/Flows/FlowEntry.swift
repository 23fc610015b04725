package import MeshTypes

/// One line of the access log: a flow that ended or was refused, with names. JSON has the keys in snake_case.
package struct FlowEntry: Codable, Sendable, Equatable {
    /// RFC 3339, UTC, milliseconds: when the flow began.
    package let time: String
    /// Which end's node says so: `source` or `destination`.
    package let reporter: String
    package let source: Party
    package let destination: Party
    /// `tunnel`, `local`, `direct`, or `none` when nothing was carried.
    package let path: String
    /// `allowed` or `denied`.
    package let verdict: String
    /// A code of `DenialReason`; `none` for a flow that ended well.
    package let reason: String
    /// What the reason means and what to do about it; absent when there is none.
    package let explanation: String?
    /// The peer's identity was proved: by its certificate, or by this node's kernel.
    package let identityVerified: Bool
    /// From caller to callee.
    package let bytesSent: UInt64
    package let bytesReceived: UInt64
    package let durationMs: Double
    /// `closed`, `reset` or `refused`.
    package let ending: String
    package let transport: String
    /// How many more of the same kind and address were refused and have no entry of their own; absent as a rule.
    package let repeats: Int?
    /// Absent for a connection.
    package let request: Request?

    /// An HTTP request.
    package struct Request: Codable, Sendable, Equatable {
        package let method: String
        /// Without its query; cut after 96 bytes.
        package let path: String
        /// Of the answer; 0 when there was none.
        package let status: Int
        /// Endpoints that were asked.
        package let attempts: Int
        /// `http/1.1`, `http/2` or `grpc`.
        package let `protocol`: String
        /// Of gRPC; absent when the answer had none.
        package let grpcStatus: Int?
        /// Of `traceparent`: 32 hexadecimal digits.
        package let traceId: String?
        /// `x-request-id`; cut after 48 bytes.
        package let requestId: String?
        /// True for a copy of a request (`mirror`); absent otherwise.
        package let shadow: Bool?

        init(_ facts: RequestFacts) {
            method = facts.method.name
            path = facts.path
            status = Int(facts.status)
            attempts = Int(facts.attempts)
            `protocol` = facts.protocolName
            grpcStatus = facts.grpcStatus == RequestFacts.noGRPCStatus ? nil : Int(facts.grpcStatus)
            traceId = facts.traceHigh | facts.traceLow == 0 ? nil : Self.hexadecimal(facts.traceHigh) + Self.hexadecimal(facts.traceLow)
            requestId = facts.identifier.isEmpty ? nil : facts.identifier.text
            shadow = facts.isShadow ? true : nil
        }

        static func hexadecimal(_ number: UInt64) -> String {
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
    }

    /// One side of a flow; what is not known is absent.
    package struct Party: Codable, Sendable, Equatable {
        package let service: String?
        package let namespace: String?
        package let spiffe: String?
        /// Of the caller where it came from, of the callee what was dialled.
        package let address: String?
        /// Of the callee: the endpoint that was chosen.
        package let endpoint: String?
    }

    package var isDenied: Bool { verdict == "denied" }

    /// - Parameter names: the identity behind a number.
    package init(_ record: FlowRecord, trustDomain: String, names: (ServiceID) -> ServiceIdentity?) {
        time = "\(Timestamp.text(seconds: record.start / 1_000_000_000)).\(Timestamp.digits(record.start / 1_000_000 % 1000, 3))Z"
        reporter = record.reporter == .source ? "source" : "destination"
        source = Party(names(record.source), trustDomain, address: record.sourceAddress, endpoint: nil)
        destination = Party(
            names(record.destination), trustDomain, address: record.destinationAddress, endpoint: record.endpoint)
        path = "\(record.path)"
        verdict = record.ending == .refused ? "denied" : "allowed"
        reason = record.reason.code
        explanation = record.reason == .none ? nil : record.reason.explanation
        identityVerified = record.identityVerified
        bytesSent = record.sent
        bytesReceived = record.received
        durationMs = Double((record.duration + 500) / 1000) / 1000
        ending = "\(record.ending)"
        transport = record.isUDP ? "udp" : "tcp"
        repeats = record.repeats > 0 ? Int(record.repeats) : nil
        request = record.request.isPresent ? Request(record.request) : nil
    }
}

extension FlowEntry.Party {
    fileprivate init(_ identity: ServiceIdentity?, _ trustDomain: String, address: SocketAddress, endpoint: SocketAddress?) {
        service = identity.map { "\($0.name)" }
        namespace = identity?.namespace
        spiffe = identity.map { SPIFFEID(trustDomain: trustDomain, service: $0).description }
        self.address = address.port == 0 && address.ip == .v4Any ? nil : address.description
        self.endpoint = endpoint.flatMap { $0.port == 0 ? nil : $0.description }
    }
}
