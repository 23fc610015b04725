internal import Foundation
internal import MeshIdentity

/// What travels between a node and its authority: JSON with snake_case keys; DER in base64.
enum AuthorityMessages {
    /// Asked with a join token, by a node that has no certificate yet.
    struct Join: Codable, Sendable {
        var id: String
        var secret: String
        var node: String
        /// PKCS#10.
        var request: Data
    }

    /// Asked with the node's certificate: for the node itself, or for a service on it.
    struct Sign: Codable, Sendable {
        var request: Data
        var namespace: String?
        var service: String?
        var lifetimeSeconds: Int?
    }

    /// Leaf first, without the root.
    struct Signed: Codable, Sendable {
        var chain: [Data]
    }

    struct Roots: Codable, Sendable {
        var roots: [Data]
    }

    struct Trust: Codable, Sendable {
        var version: String
        var roots: [Data]
        var revoked: [String]
    }

    /// For other authorities under the same root.
    struct Revocations: Codable, Sendable {
        var notice: RevocationNotice
        /// Whom the nodes of this authority trust.
        var roots: [Data]
    }

    /// In place of an answer.
    struct Refusal: Codable, Sendable {
        var code: String
        var what: String
        var advice: String
    }

    static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ data: Data) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: data)
    }
}

/// Where each is asked.
enum AuthorityPath {
    static let roots = "/v1/roots"
    static let join = "/v1/join"
    static let node = "/v1/node"
    static let service = "/v1/service"
    static let trust = "/v1/trust"
    static let revocations = "/v1/revocations"
}
