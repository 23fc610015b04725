internal import Foundation

/// A Consul agent's HTTP interface.
final class ConsulClient: Sendable {
    /// Bytes of an answer.
    private static let longestAnswer = 32 << 20
    private static let smallAnswer = 64 << 10

    private let client: StoreClient
    private let options: ConsulOptions
    private let token: String?

    init(_ options: ConsulOptions) throws(StoreError) {
        self.options = options
        token = if let file = options.tokenFile { try StoreAccess.secret(file) } else { nil }
        client = try StoreClient(server: options.agent, access: options.access)
    }

    func close() async { await client.close() }

    /// An answer to a question that waits for a change.
    struct Blocking<Value: Sendable>: Sendable {
        let index: UInt64
        let value: Value
    }

    /// Names of services with the tags that any instance of theirs has.
    func services(_ index: ConsulIndex) async throws(StoreError) -> Blocking<[String: [String]]> {
        try await blocking("/v1/catalog/services", index)
    }

    func instances(of service: String, _ index: ConsulIndex) async throws(StoreError) -> Blocking<[ConsulInstance]> {
        try await blocking("/v1/health/service/" + Self.escape(service), index)
    }

    /// Keys below `prefix`; none if there is nothing.
    func values(below prefix: String, _ index: ConsulIndex) async throws(StoreError) -> Blocking<[ConsulValue]> {
        try await blocking(
            "/v1/kv/" + prefix.split(separator: "/").map { Self.escape(String($0)) }.joined(separator: "/") + "/", index, ["recurse="],
            empty: [])
    }

    func register(_ registration: ConsulRegistration) async throws(StoreError) {
        let body: [UInt8]
        do { body = Array(try JSONEncoder().encode(registration)) } catch { throw .malformed("a request cannot be written: \(error)") }
        try await put("/v1/agent/service/register?replace-existing-checks=true", body)
    }

    func deregister(_ id: String) async throws(StoreError) {
        do throws(StoreError) { try await put("/v1/agent/service/deregister/" + Self.escape(id)) } catch {
            // Newer agents say that there is none.
            if case .refused(404, _, _) = error { return }
            throw error
        }
    }

    /// - Returns: false if the agent knows no such check.
    func pass(_ check: String) async throws(StoreError) -> Bool {
        do throws(StoreError) { try await put("/v1/agent/check/pass/" + Self.escape(check)) } catch {
            guard case .refused(let status, _, let message) = error else { throw error }
            if status == 404 || message.contains("does not have associated TTL") || message.contains("nknown check") { return false }
            throw error
        }
        return true
    }

    /// Identifiers of the services that are registered with this agent.
    func ownServices() async throws(StoreError) -> [String] {
        let answer = try await ask(.get, "/v1/agent/services" + query([]), timeout: options.timeout)
        let services: [String: ConsulOwnService] = try Self.decode(answer.body)
        return services.values.map(\.id)
    }

    // MARK: Asking

    private func blocking<Value: Decodable>(
        _ path: String, _ index: ConsulIndex, _ parameters: [String] = [], empty: Value? = nil
    ) async throws(StoreError) -> Blocking<Value> {
        let seconds = max(1, options.wait.components.seconds)
        let waiting = index.value > 0 ? ["index=\(index.value)", "wait=\(seconds)s"] : []
        // The agent adds up to a sixteenth, so that not all come back together.
        let time = index.value > 0 ? options.timeout + options.wait + options.wait / 16 : options.timeout
        let answer: StoreAnswer
        do throws(StoreError) {
            answer = try await ask(.get, path + query(parameters + waiting), timeout: time, acceptsNothing: empty != nil)
        } catch { throw error }
        guard let text = answer.header("x-consul-index"), let new = UInt64(text) else {
            throw .malformed("an answer without X-Consul-Index: \(answer.text)")
        }
        if answer.status == 404, let empty { return Blocking(index: new, value: empty) }
        return Blocking(index: new, value: try Self.decode(answer.body))
    }

    private func put(_ path: String, _ body: [UInt8] = []) async throws(StoreError) {
        let separator = path.contains("?") ? "&" : "?"
        let namespace = options.namespace.map { "\(separator)ns=\(Self.escape($0))" } ?? ""
        _ = try await ask(.put, path + namespace, body: body, timeout: options.timeout, limit: Self.smallAnswer)
    }

    private func ask(
        _ method: StoreRequest.Method, _ path: String, body: [UInt8] = [], timeout: Duration, limit: Int = longestAnswer,
        acceptsNothing: Bool = false
    ) async throws(StoreError) -> StoreAnswer {
        var request = StoreRequest(method: method, path: path, body: body)
        if let token { request.headers.append(("X-Consul-Token", token)) }
        let answer = try await client.ask(request, timeout: timeout, limit: limit)
        guard answer.isSuccess || (acceptsNothing && answer.status == 404) else {
            throw .refused(status: answer.status, code: 0, message: answer.text)
        }
        return answer
    }

    private func query(_ parameters: [String]) -> String {
        var parameters = parameters
        if let datacenter = options.datacenter { parameters.append("dc=" + Self.escape(datacenter)) }
        if let namespace = options.namespace { parameters.append("ns=" + Self.escape(namespace)) }
        return parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&")
    }

    private static func escape(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._~"))) ?? ""
    }

    private static func decode<Value: Decodable>(_ body: [UInt8]) throws(StoreError) -> Value {
        do { return try JSONDecoder().decode(Value.self, from: Data(body)) } catch {
            throw .malformed("\(Value.self) expected, but it is \(String(decoding: body.prefix(100), as: UTF8.self))")
        }
    }
}
