import MeshProtocols
import Testing

/// Fields that speak of who called, in every spelling that a server may take for them.
@Suite struct IdentityFieldTests {
    @Test(arguments: [
        "x-forwarded-client-cert-chain", "x_forwarded_client_cert", "X-Forwarded_Client-Cert", "x.forwarded.client.cert", "client-cert",
        "Client_Cert_Chain", "ssl-client-verify", "SSL_CLIENT_S_DN", "x-ssl-client-cert", "x-client-cert", "l5d-client-id", "L5D_Client_Id",
        "l5d-remote-ip", "x-myelin-source", "x_myelin_deadline", "X-Myelin-Anything", "x-envoy-peer-metadata", "x-envoy-peer-metadata-id",
        "x-envoy-downstream-service-cluster", "x-istio-attributes", "x-spiffe-id", "spiffe_id", "x-amzn-mtls-clientcert",
        "x-tls-client-subject",
        "x-forwarded-tls-client-cert-info",
    ])
    func knowsWhatSpeaksOfThePeer(name: String) { #expect(FieldKind(name: name) == .peerIdentity) }

    @Test(arguments: [
        "forwarded", "Forwarded", "X-Forwarded-For", "x_forwarded_for", "x-real-ip", "X_REAL_IP", "true-client-ip", "x-client-ip",
        "x-cluster-client-ip", "cf-connecting-ip", "x-envoy-external-address", "x-original-forwarded-for",
    ])
    func knowsWhatSpeaksOfAClient(name: String) { #expect(FieldKind(name: name) == .clientAddress) }

    @Test func knowsTheFieldsOfItsOwn() {
        for name in ["x-forwarded-client-cert", "X-Forwarded-Client-Cert"] { #expect(FieldKind(name: name) == .clientCertificate) }
        #expect(FieldKind(name: "x-myelin-deadline") == .deadline && FieldKind(name: "x-myelin-shadow") == .shadow)
        #expect(FieldKind(name: "tracestate") == .tracestate && FieldKind(name: "max-forwards") == .maxForwards)
    }

    @Test(arguments: [
        "x-request-id", "traceparent", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-myelin", "forwardedx",
        "xforwarded-for",
        "client-certificate", "l5d", "x-user", "authorization", "x-envoy-attempt-count", "x", "x-", "x-f", "s", "x-b3-traceid",
    ])
    func leavesOthersAlone(name: String) {
        #expect(![.peerIdentity, .clientAddress, .clientCertificate].contains(FieldKind(name: name)))
    }
}
