import MeshProtocols
import Testing

/// What is read of gRPC in a request's head.
@Suite struct GRPCTests {
    private func parse(_ fields: String) -> Result<RequestHead, HTTPRefusal> {
        var table = FieldTable()
        return Array("POST /a.B/C HTTP/1.1\r\nhost: a\r\n\(fields)\r\n".utf8).withUnsafeBytes { RequestHead.parse($0, into: &table) }
    }

    @Test(arguments: [
        ("application/grpc", true), ("Application/gRPC", true), ("application/grpc+proto", true), ("application/grpc;x=y", true),
        ("application/grpc-web", false), ("application/grpcx", false), ("application/json", false), ("application/grp", false), ("", false),
    ])
    func knowsARequestOfGRPC(type: String, expected: Bool) throws {
        #expect(try parse("content-type: \(type)\r\n").get().isGRPC == expected)
        #expect(try !parse("x-type: \(type)\r\n").get().isGRPC)
    }

    @Test(arguments: [
        ("1H", 3_600_000_000_000 as UInt64), ("2M", 120_000_000_000), ("3S", 3_000_000_000), ("99999999m", 99_999_999_000_000),
        ("5u", 5000), ("7n", 7), ("0S", 0), ("99999999H", .max),
    ])
    func readsEveryUnit(text: String, nanoseconds: UInt64) throws {
        let head = try parse("content-type: application/grpc\r\ngrpc-timeout: \(text)\r\n").get()
        #expect(head.grpcTimeout == nanoseconds && head.callersTime == nanoseconds)
    }

    @Test(arguments: ["", "S", "1", "1s", "123456789m", "-1S", "1.5S", "1 S", "1S\r\ngrpc-timeout: 1S"])
    func refusesWhatIsNoTime(text: String) {
        let fields = "grpc-timeout: \(text)\r\n"
        guard case .failure(let refusal) = parse("content-type: application/grpc\r\n" + fields) else {
            Issue.record("accepted")
            return
        }
        #expect(refusal == .badGRPCTimeout && refusal.status == 400)
        guard case .success(let other) = parse(fields) else {
            Issue.record("only gRPC gives it a meaning")
            return
        }
        #expect(other.grpcTimeout == nil && other.callersTime == nil)
    }

    @Test func theLesserOfTwoTimesCounts() throws {
        let type = "content-type: application/grpc\r\n"
        #expect(try parse(type + "grpc-timeout: 2S\r\nx-myelin-deadline: 500\r\n").get().callersTime == 500_000_000)
        #expect(try parse(type + "grpc-timeout: 2m\r\nx-myelin-deadline: 500\r\n").get().callersTime == 2_000_000)
        #expect(try parse("x-myelin-deadline: 500\r\n").get().callersTime == 500_000_000)
    }

    @Test func aConnectionsOptionsCannotTakeTheTimeAway() {
        guard case .failure(.badConnectionOption) = parse("connection: grpc-timeout\r\ngrpc-timeout: 1S\r\n") else {
            Issue.record("accepted")
            return
        }
    }

    @Test(arguments: [
        (0 as UInt64, "0u"), (999_999, "999u"), (1_000_000, "1m"), (1_500_000_000, "1500m"), (99_999_999_000_000, "99999999m"),
        (100_000_000_000_000, "100000S"), (.max, "5124095H"),
    ])
    func writesTimesInEightDigits(nanoseconds: UInt64, text: String) {
        var writer = HeadWriter()
        writer.append(grpcTimeout: nanoseconds)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "grpc-timeout: \(text)\r\n")
    }

    @Test func aMessageIsPercentEncoded() {
        var writer = HeadWriter()
        writer.append(grpcMessage: "100% of §7\r\n~ done")
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "100%25 of %C2%A77%0D%0A~ done")
    }

    private static func status(_ lines: String) -> UInt8? { Array(lines.utf8).withUnsafeBytes { GRPC.status(in: $0) } }

    @Test func readsTheStatusOfHeadsAndTrailers() {
        #expect(Self.status("grpc-status: 14\r\ngrpc-message: gone\r\n\r\n") == 14)
        #expect(Self.status("HTTP/1.1 200 \r\ncontent-type: application/grpc\r\ngrpc-status: 0\r\n\r\n") == 0)
        #expect(Self.status("HTTP/1.1 200 \r\nx-grpc-status: 3\r\n\r\n") == nil)
        #expect(Self.status("grpc-status: x\r\n\r\n") == nil)
        #expect(Self.status("grpc-status: 999\r\n\r\n") == nil)
        #expect(Self.status("") == nil)
        #expect(Self.status("grpc-status:") == nil)
    }

    @Test func tellsFailuresOfTheServiceFromItsAnswers() {
        #expect([2, 13, 14, 15, .max].allSatisfy { GRPC.isFailure($0) })
        #expect([0, 1, 3, 4, 5, 7, 8, 12, 16].allSatisfy { !GRPC.isFailure($0) })
    }
}
