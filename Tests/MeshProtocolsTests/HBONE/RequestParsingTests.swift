import MeshProtocols
import MeshTypes
import Testing

struct RequestParsingTests {
    /// What a raw request is answered with: `:status` and reason; nil if the stream was reset instead.
    private func answer(to fields: [(String, String)]) -> TunnelEnd {
        let end = TunnelEnd(.server)
        end.receive(RawFrames.preface + RawFrames.headers(1, fields))
        _ = end.output()
        return end
    }

    @Test(arguments: [
        "10.0.0.1:80", "255.255.255.255:65535", "[::1]:1", "[2001:db8::1]:8081", "[fe80:1:2:3:4:5:6:7]:15008",
    ])
    func takesAddressLiterals(_ authority: String) {
        let end = answer(to: [(":method", "CONNECT"), (":authority", authority)])
        #expect(end.events == [.request(1, ConnectRequest(authority: SocketAddress(authority)!))])
    }

    @Test(arguments: [
        "wallet:80", "wallet.default.svc.cluster.local:80", "10.0.0.1", "10.0.0.1:", ":80", "10.0.0.1:0", "10.0.0.1:65536",
        "10.0.0.1:080", "10.0.0.1:99999999999", "10.0.0.1:+80", "10.0.0.1:80:90", "10.0.0:80", "10.0.0.0.1:80", "010.0.0.1:80",
        "256.0.0.1:80", "0x0a000001:80", "::1:80", "[::1]", "[::1]:", "[10.0.0.1]:80", "[::ffff:10.0.0.1]:80", "[::1%25eth0]:80",
        "[::1:80", "::1]:80", "[]:80", "user@10.0.0.1:80", "10.0.0.1:8a",
    ])
    func refusesEverythingElse(_ authority: String) {
        let end = answer(to: [(":method", "CONNECT"), (":authority", authority)])
        // nghttp2 itself resets what is no authority at all; the rest gets an answer with a reason.
        #expect(end.events == [.rejected(400, .malformedRequest)] || end.events.isEmpty, "\(end.events)")
        #expect(end.session.openStreams == 0 || end.session.failure == nil)
    }

    @Test func namesAreAnsweredWithMalformedRequest() {
        let end = answer(to: [(":method", "CONNECT"), (":authority", "wallet:80")])
        #expect(end.events == [.rejected(400, .malformedRequest)])
    }

    @Test(arguments: ["GET", "POST", "OPTIONS"]) func otherMethodsAreNotAllowed(_ method: String) {
        let end = answer(to: [(":method", method), (":scheme", "https"), (":path", "/"), (":authority", "10.0.0.1:80")])
        #expect(end.events == [.rejected(405, .malformedRequest)])
    }

    @Test func requestWithoutAuthorityReachesNobody() {
        let end = answer(to: [(":method", "CONNECT")])
        #expect(end.events.isEmpty)
        #expect(end.session.failure == nil)
    }

    @Test func unknownAndUnreadableHeadersAreTolerated() {
        let end = answer(to: [
            (":method", "CONNECT"), (":authority", "10.0.0.1:80"), ("x-envoy-expected-rq-timeout-ms", "15000"),
            ("baggage", "nonsense"), ("forwarded", "for=_hidden"), ("traceparent", "00-zz"), ("x-request-id", "1"),
        ])
        #expect(end.events == [.request(1, ConnectRequest(authority: SocketAddress("10.0.0.1:80")!))])
    }

    @Test func readsHeadersAsZtunnelSendsThem() {
        let end = answer(to: [
            (":method", "CONNECT"), (":authority", "10.0.0.1:80"),
            (
                "baggage",
                "k8s.cluster.name=Kubernetes,k8s.namespace.name=default,k8s.deployment.name=wallet-v1,service.name=wallet,service.version=v1"
            ),
            ("forwarded", "for=10.244.0.7"), ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ])
        #expect(
            end.events == [
                .request(
                    1,
                    ConnectRequest(
                        authority: SocketAddress("10.0.0.1:80")!, source: Samples.wallet,
                        forwardedFor: SocketAddress(ip: IPAddress("10.244.0.7")!, port: 0), traceParent: Samples.request.traceParent))
            ])
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
    ])
    func refusesTraceParents(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { TraceParent($0) } == nil)
    }

    @Test func laterVersionsOfTraceParentAreRead() {
        let text = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"
        #expect(Array(text.utf8).withUnsafeBytes { TraceParent($0) } == Samples.request.traceParent)
    }
}
