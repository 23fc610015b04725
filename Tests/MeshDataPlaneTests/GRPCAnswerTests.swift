import MeshDataPlane
import MeshPolicy
import MeshProtocols
import MeshTypes
import Testing

/// The mesh's own answers to callers of gRPC.
@Suite struct GRPCAnswerTests {
    private func text(_ answer: OwnAnswer) -> String {
        var writer = HeadWriter()
        answer.writeTrailersOnly(to: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test(arguments: [
        (DenialReason.denied, 7), (.notAllowed, 7), (.rateLimited, 8), (.deadlineExceeded, 4), (.noEndpoint, 14), (.circuitOpen, 14),
        (.endpointClosed, 14), (.badRequest, 13),
    ])
    func everyRefusalHasAStatusOfGRPC(reason: DenialReason, status: Int) {
        let head = text(OwnAnswer(reason, retryAfter: nil))
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: \(status)\r\ngrpc-message: "))
        #expect(head.contains("\r\nx-myelin-reason: \(reason.code)\r\n") && head.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: [(501, 12), (404, 12), (401, 16), (431, 13), (418, 2)])
    func otherStatusesFollowGRPCsMapping(status: Int, expected: Int) {
        #expect(OwnAnswer(status: status, reason: .injectedFault).grpcStatus.rawValue == expected)
    }

    @Test func isAWholeHeadThatSaysWhenToAskAgain() throws {
        let limit = ServicePolicy.RateLimit(requests: 5, period: .seconds(60))
        let head = Array(text(OwnAnswer(.rateLimited, retryAfter: 1_500_000_000, limit: limit)).utf8)
        var fields = FieldTable()
        let parsed = try head.withUnsafeBytes { try ResponseHead.parse($0, answering: .post, into: &fields).get() }
        #expect(parsed.status == 200 && fields.count == 7)
        #expect(String(decoding: head, as: UTF8.self).contains("\r\nretry-after: 2\r\n"))
    }

    @Test func aMessageBeyondASCIIIsEncoded() {
        #expect(
            text(OwnAnswer(status: 400, reason: .badRequest, explanation: "malformed (§3)")).contains(
                "grpc-message: malformed (%C2%A73)\r\n"))
    }
}
