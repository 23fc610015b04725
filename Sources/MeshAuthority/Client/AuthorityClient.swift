internal import AsyncHTTPClient
internal import Foundation
internal import HTTPTypes
internal import MeshIdentity
internal import MeshTypes
internal import NIOCore
internal import NIOSSL

/// One question to one server of an authority: a connection of its own, with what the node shows and trusts now.
struct AuthorityClient: Sendable {
    static let connectTimeout = TimeAmount.seconds(2)
    /// How long the server's goodbye is waited for: every answer has its length, so that it says nothing.
    private static let goodbye = TimeAmount.milliseconds(100)
    /// Beyond what the server may wait by itself.
    static let patience = Duration.seconds(5)

    let server: MeshTypes.SocketAddress
    /// DER.
    let roots: [[UInt8]]
    /// nil while joining.
    let shown: Shown?

    /// A certificate to show, with its key.
    struct Shown: Sendable {
        let chainDER: [[UInt8]]
        let keyPEM: String

        func chain() throws -> [NIOSSLCertificateSource] {
            try chainDER.map { .certificate(try NIOSSLCertificate(bytes: $0, format: .der)) }
        }

        func privateKey() throws -> NIOSSLPrivateKey { try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem) }
    }

    /// - Throws: `unreachable` if nobody answers, or not the authority; what the authority says if it refuses.
    func ask<Answer: Decodable>(
        _ type: Answer.Type, _ path: String, _ question: (any Encodable & Sendable)? = nil, wait: Duration = .zero
    ) async throws(AuthorityFailure) -> Answer {
        let body: Data?
        do { body = try question.map { try AuthorityMessages.encode($0) } } catch {
            throw AuthorityFailure(.request, "the question cannot be written: \(error)", advice: "report it")
        }
        let client = HTTPClient(configuration: try configuration())
        let result: Result<(status: Int, data: Data), any Error>
        do { result = .success(try await send(client, path, body, wait)) } catch { result = .failure(error) }
        try? await client.shutdown()
        switch result {
        case .success(let answer): return try Self.read(type, answer, server)
        case .failure(let error):
            throw AuthorityFailure(
                .unreachable, "the authority at \(server) does not answer: \(error)",
                advice: "is its daemon running, is the address right, and does a firewall let it through?")
        }
    }

    private func send(_ client: HTTPClient, _ path: String, _ body: Data?, _ wait: Duration) async throws -> (Int, Data) {
        var request = HTTPClientRequest(url: "https://\(AuthorityIdentity.serverName):\(server.port)\(path)")
        request.method = body == nil ? .GET : .POST
        request.headers.add(name: "connection", value: "close")
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: body))
        }
        let deadline = NIODeadline.now() + TimeAmount(wait + Self.patience)
        let response = try await client.execute(request, deadline: deadline)
        return (Int(response.status.code), Data(buffer: try await response.body.collect(upTo: AuthorityBounds.answer)))
    }

    private func configuration() throws(AuthorityFailure) -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        tls.shutdownTimeout = Self.goodbye
        do {
            if roots.isEmpty {
                // Only to ask for the roots, which the join token then vouches for.
                tls.certificateVerification = .none
            } else {
                tls.trustRoots = .certificates(try roots.map { try NIOSSLCertificate(bytes: $0, format: .der) })
            }
            if let shown {
                tls.certificateChain = try shown.chain()
                tls.privateKey = .privateKey(try shown.privateKey())
            }
        } catch {
            throw AuthorityFailure(.damaged, "the certificate to ask with cannot be used: \(error)", advice: "join anew with a token")
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.timeout.connect = Self.connectTimeout
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        configuration.dnsOverride = [AuthorityIdentity.serverName: server.ip.description]
        return configuration
    }

    private static func read<Answer: Decodable>(
        _ type: Answer.Type, _ answer: (status: Int, data: Data), _ server: MeshTypes.SocketAddress
    ) throws(AuthorityFailure) -> Answer {
        if answer.status == 200, let value = try? AuthorityMessages.decode(type, answer.data) { return value }
        guard let refusal = try? AuthorityMessages.decode(AuthorityMessages.Refusal.self, answer.data) else {
            throw AuthorityFailure(
                .unreachable, "what answers at \(server) is no authority of this version (status \(answer.status))",
                advice: "correct `ca.servers`, or update the older of the two")
        }
        throw AuthorityFailure(
            AuthorityFailure.Code(rawValue: refusal.code) ?? .request, "the authority at \(server) refuses: \(refusal.what)",
            advice: refusal.advice)
    }
}
