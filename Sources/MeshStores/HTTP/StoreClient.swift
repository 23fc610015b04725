internal import AsyncHTTPClient
internal import NIOCore
internal import NIOPosix

/// HTTP to one server of a store. Answers are bounded, redirects are not followed: they could carry a token elsewhere.
final class StoreClient: Sendable {
    private static let connectTime = TimeAmount.seconds(2)
    private static let idleTime = TimeAmount.seconds(30)
    private static let mostConnections = 2048

    /// Such as `https://10.0.0.2:2379`.
    let server: String
    private let client: HTTPClient

    init(server: String, access: StoreAccess) throws(StoreError) {
        self.server = server
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = Self.connectTime
        configuration.connectionPool.idleTimeout = Self.idleTime
        configuration.connectionPool.retryConnectionEstablishment = false
        // Questions that wait for a change hold a connection each.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.mostConnections
        // A stream of changes must not hold up the other requests of its connection.
        configuration.httpVersion = .http1Only
        if server.hasPrefix("https://") { configuration.tlsConfiguration = try access.tls() }
        client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }

    /// Must be called once, at the end.
    func close() async { try? await client.shutdown() }

    /// - Parameters:
    ///   - timeout: for all of the answer.
    ///   - limit: bytes of the answer.
    func ask(_ request: StoreRequest, timeout: Duration, limit: Int) async throws(StoreError) -> StoreAnswer {
        do {
            let answer = try await withThrowingTaskGroup(of: StoreAnswer?.self) { [client, server] group in
                // The client's own deadline ends with the first bytes of a body.
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                group.addTask {
                    let response = try await client.execute(request.made(for: server), deadline: .now() + timeout.amount)
                    return StoreAnswer(response, body: try await response.body.collect(upTo: limit))
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            guard let answer else { throw HTTPClientError.deadlineExceeded }
            return answer
        } catch is NIOTooManyBytesError { throw .tooLarge(limit: limit) } catch { throw .unreachable(Self.reason(error)) }
    }

    /// Hands each line of an answer that goes on until either end closes to `take`, which may throw to end it.
    ///
    /// - Parameter longest: bytes of a line.
    func follow(
        _ request: StoreRequest, longest: Int, _ take: (ArraySlice<UInt8>) async throws(StoreError) -> Void
    ) async throws(StoreError) {
        let response: HTTPClientResponse
        do { response = try await client.execute(request.made(for: server), deadline: .distantFuture) } catch {
            throw .unreachable(Self.reason(error))
        }
        var lines = LineBuffer(longest: longest)
        var chunks = response.body.makeAsyncIterator()
        while true {
            let chunk: ByteBuffer?
            do { chunk = try await chunks.next() } catch { throw .unreachable(Self.reason(error)) }
            guard let chunk else { break }
            lines.append(chunk.readableBytesView)
            while let line = try lines.next() { try await take(line) }
        }
        // A refusal has no line end.
        if let rest = lines.rest { try await take(rest) }
        throw .unreachable("it ended the stream of changes")
    }

    private static func reason(_ error: any Error) -> String {
        switch error as? HTTPClientError {
        case .connectTimeout?: "no connection in time"
        case .deadlineExceeded?: "no answer in time"
        case .remoteConnectionClosed?: "it closed the connection"
        case .cancelled?: "the request was given up"
        default: StoreError.printable("\(error)")
        }
    }
}

/// What is asked of a store.
struct StoreRequest: Sendable {
    enum Method: Sendable { case get, put, post, delete }

    var method: Method
    /// With the query.
    var path: String
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    fileprivate func made(for server: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: server + path)
        switch method {
        case .get: request.method = .GET
        case .put: request.method = .PUT
        case .post: request.method = .POST
        case .delete: request.method = .DELETE
        }
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        if !body.isEmpty { request.body = .bytes(body) }
        return request
    }
}

/// What a store answers.
struct StoreAnswer: Sendable {
    let status: Int
    let body: [UInt8]
    private let headers: [(String, String)]

    fileprivate init(_ response: HTTPClientResponse, body: ByteBuffer) {
        status = Int(response.status.code)
        headers = response.headers.map { ($0.name.lowercased(), $0.value) }
        self.body = Array(body.readableBytesView)
    }

    /// - Parameter name: in lower case.
    func header(_ name: String) -> String? { headers.first { $0.0 == name }?.1 }

    var isSuccess: Bool { (200..<300).contains(status) }
    /// For messages.
    var text: String { String(decoding: body.prefix(400), as: UTF8.self) }
}

extension Duration {
    var amount: TimeAmount { .nanoseconds(Int64(self / .nanoseconds(1))) }
}
