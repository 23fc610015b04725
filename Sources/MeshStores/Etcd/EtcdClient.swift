internal import Foundation
internal import Synchronization

/// One server of an etcd cluster, through its JSON gateway (etcd 3.4 or newer).
final class EtcdClient: Sendable {
    /// Bytes of an answer to a range; one value of the largest size that etcd takes by default, 1.5 MiB, fits in base64.
    static let pageBytes = 4 << 20
    /// Bytes of one line of a watch: etcd cuts larger answers into fragments of about its largest request, 1.5 MiB.
    private static let longestLine = 8 << 20
    private static let smallAnswer = 64 << 10
    /// gRPC's numbers.
    private static let unauthenticated = 16
    private static let outOfRange = 11
    private static let notFound = 5

    let server: String
    private let client: StoreClient
    private let options: EtcdOptions
    private let token = Mutex<String?>(nil)

    init(server: String, options: EtcdOptions) throws(StoreError) {
        self.server = server
        self.options = options
        client = try StoreClient(server: server, access: options.access)
    }

    func close() async { await client.close() }

    /// - Parameter revision: that of the first page, for those that follow; 0 for the newest.
    /// - Returns: nil if that revision is gone.
    func range(from key: [UInt8], to end: [UInt8], limit: Int, revision: Int64) async throws(StoreError) -> EtcdRange? {
        let body = EtcdRequests.Range(
            key: Data(key), rangeEnd: Data(end), limit: "\(limit)", revision: revision > 0 ? "\(revision)" : nil)
        do throws(StoreError) { return try await ask("/v3/kv/range", body, limit: Self.pageBytes) } catch {
            if case .refused(_, Self.outOfRange, let message) = error, message.contains("compacted") { return nil }
            throw error
        }
    }

    /// Whether it is there and complete; it has less time for that than for other answers.
    func count(from key: [UInt8], to end: [UInt8]) async throws(StoreError) -> EtcdRange {
        try await ask(
            "/v3/kv/range", EtcdRequests.Range(key: Data(key), rangeEnd: Data(end), countOnly: true), limit: Self.smallAnswer,
            timeout: options.heartbeatTimeout)
    }

    func keys(from key: [UInt8], to end: [UInt8]) async throws(StoreError) -> EtcdRange {
        try await ask(
            "/v3/kv/range", EtcdRequests.Range(key: Data(key), rangeEnd: Data(end), keysOnly: true), limit: Self.pageBytes)
    }

    /// Hands over every answer until the stream ends, by an error or because `take` throws.
    func watch(
        _ key: [UInt8], to end: [UInt8], from revision: Int64, _ take: (EtcdWatchAnswer) async throws(StoreError) -> Void
    ) async throws(StoreError) {
        let create = EtcdRequests.Watch.Create(key: Data(key), rangeEnd: Data(end), startRevision: "\(revision)")
        var request = try await request("/v3/watch", EtcdRequests.Watch(create: create))
        // A member that has lost the others ends the watch, rather than keep it and stay silent.
        request.headers.append(("Grpc-Metadata-hasleader", "true"))
        try await client.follow(request, longest: Self.longestLine) { line throws(StoreError) in
            let message: EtcdWatchLine = try Self.decode(Data(line))
            if let answer = message.result { return try await take(answer) }
            if message.error == nil, let refusal = try? JSONDecoder().decode(EtcdRefusal.self, from: Data(line)) {
                throw .refused(status: 400, code: refusal.code ?? 0, message: refusal.message ?? refusal.error ?? "no reason")
            }
            throw .unreachable(message.error?.message ?? "it ended the stream of changes without a reason")
        }
    }

    /// - Returns: of the state with what was written.
    func write(_ operations: [EtcdRequests.Transaction.Operation]) async throws(StoreError) -> EtcdHeader {
        let answer: EtcdAcknowledgement = try await ask(
            "/v3/kv/txn", EtcdRequests.Transaction(success: operations), limit: Self.smallAnswer)
        return answer.header
    }

    func grantLease(_ seconds: Int64) async throws(StoreError) -> Int64 {
        let lease: EtcdLease = try await ask("/v3/lease/grant", EtcdRequests.Lease(ttl: "\(seconds)"), limit: Self.smallAnswer)
        guard let id = lease.id?.value, id != 0 else { throw .malformed("a lease without a number") }
        return id
    }

    func keepAlive(_ lease: Int64) async throws(StoreError) -> (isAlive: Bool, header: EtcdHeader) {
        let line: EtcdLeaseLine = try await ask("/v3/lease/keepalive", EtcdRequests.Lease(id: "\(lease)"), limit: Self.smallAnswer)
        guard let answer = line.result, let header = answer.header else { throw .malformed("an answer about a lease that says nothing") }
        return ((answer.ttl?.value ?? 0) > 0, header)
    }

    func revoke(_ lease: Int64) async throws(StoreError) {
        do throws(StoreError) {
            let _: EtcdAcknowledgement = try await ask("/v3/lease/revoke", EtcdRequests.Lease(id: "\(lease)"), limit: Self.smallAnswer)
        } catch {
            if case .refused(_, Self.notFound, _) = error { return }
            throw error
        }
    }

    /// True if `error` says that a lease is gone.
    static func isLeaseGone(_ error: StoreError) -> Bool {
        if case .refused(_, notFound, let message) = error { return message.contains("lease not found") }
        return false
    }

    // MARK: Asking

    private func ask<Answer: Decodable>(
        _ path: String, _ body: some Encodable, limit: Int, timeout: Duration? = nil
    ) async throws(StoreError) -> Answer {
        let timeout = timeout ?? options.timeout
        let answer = try await client.ask(try await request(path, body), timeout: timeout, limit: limit)
        if answer.isSuccess { return try Self.decode(Data(answer.body)) }
        let refusal = Self.refusal(answer)
        guard options.login != nil, Self.wantsLogin(refusal) else { throw refusal }
        // The token ended, or the users changed since it was made.
        token.withLock { $0 = nil }
        let again = try await client.ask(try await request(path, body), timeout: timeout, limit: limit)
        guard again.isSuccess else { throw Self.refusal(again) }
        return try Self.decode(Data(again.body))
    }

    private func request(_ path: String, _ body: some Encodable) async throws(StoreError) -> StoreRequest {
        var request = StoreRequest(method: .post, path: path, body: try Self.encode(body))
        if let login = options.login { request.headers.append(("Authorization", try await currentToken(login))) }
        return request
    }

    private func currentToken(_ login: EtcdOptions.Login) async throws(StoreError) -> String {
        if let token = token.withLock({ $0 }) { return token }
        let body = EtcdRequests.Login(name: login.user, password: try StoreAccess.secret(login.passwordFile))
        let answer = try await client.ask(
            StoreRequest(method: .post, path: "/v3/auth/authenticate", body: try Self.encode(body)), timeout: options.timeout,
            limit: Self.smallAnswer)
        guard answer.isSuccess else { throw Self.refusal(answer) }
        let new: EtcdToken = try Self.decode(Data(answer.body))
        guard !new.token.isEmpty, new.token.utf8.allSatisfy({ (0x21..<0x7f).contains($0) }) else {
            throw .malformed("a token that is no header's value")
        }
        token.withLock { $0 = new.token }
        return new.token
    }

    static func wantsLogin(_ error: StoreError) -> Bool {
        guard case .refused(_, let code, let message) = error else { return false }
        return code == unauthenticated || message.contains("invalid auth token") || message.contains("auth store is old")
            || message.contains("user name is empty")
    }

    private static func refusal(_ answer: StoreAnswer) -> StoreError {
        guard let refusal = try? JSONDecoder().decode(EtcdRefusal.self, from: Data(answer.body)) else {
            return .refused(status: answer.status, code: 0, message: answer.text)
        }
        return .refused(status: answer.status, code: refusal.code ?? 0, message: refusal.message ?? refusal.error ?? "no reason")
    }

    private static func encode(_ body: some Encodable) throws(StoreError) -> [UInt8] {
        do { return Array(try JSONEncoder().encode(body)) } catch { throw .malformed("a request cannot be written: \(error)") }
    }

    private static func decode<Answer: Decodable>(_ data: Data) throws(StoreError) -> Answer {
        do { return try JSONDecoder().decode(Answer.self, from: data) } catch {
            throw .malformed("\(Answer.self) expected, but it is \(String(decoding: data.prefix(100), as: UTF8.self))")
        }
    }
}
