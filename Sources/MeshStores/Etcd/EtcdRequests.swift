internal import Foundation

/// The bodies of requests to the gateway. Keys and values go as base64, 64-bit numbers as text.
enum EtcdRequests {
    struct Range: Encodable {
        let key: Data
        let rangeEnd: Data
        var limit: String?
        var revision: String?
        var countOnly: Bool?
        var keysOnly: Bool?

        private enum CodingKeys: String, CodingKey {
            case key, limit, revision
            case rangeEnd = "range_end"
            case countOnly = "count_only"
            case keysOnly = "keys_only"
        }
    }

    struct Watch: Encodable {
        struct Create: Encodable {
            let key: Data
            let rangeEnd: Data
            let startRevision: String
            let progressNotify = true
            let fragment = true

            private enum CodingKeys: String, CodingKey {
                case key, fragment
                case rangeEnd = "range_end"
                case startRevision = "start_revision"
                case progressNotify = "progress_notify"
            }
        }

        let create: Create

        private enum CodingKeys: String, CodingKey { case create = "create_request" }
    }

    /// Puts and deletes that happen together or not at all.
    struct Transaction: Encodable {
        enum Operation: Encodable {
            case put(key: [UInt8], value: [UInt8], lease: Int64)
            case delete(key: [UInt8])

            private enum Keys: String, CodingKey { case put = "request_put", delete = "request_delete_range" }
            private enum Fields: String, CodingKey { case key, value, lease }

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Keys.self)
                switch self {
                case .put(let key, let value, let lease):
                    var fields = container.nestedContainer(keyedBy: Fields.self, forKey: .put)
                    try fields.encode(Data(key), forKey: .key)
                    try fields.encode(Data(value), forKey: .value)
                    try fields.encode("\(lease)", forKey: .lease)
                case .delete(let key):
                    var fields = container.nestedContainer(keyedBy: Fields.self, forKey: .delete)
                    try fields.encode(Data(key), forKey: .key)
                }
            }
        }

        let success: [Operation]
    }

    struct Lease: Encodable {
        var id: String?
        var ttl: String?

        private enum CodingKeys: String, CodingKey { case id = "ID", ttl = "TTL" }
    }

    struct Login: Encodable {
        let name: String
        let password: String
    }

    /// The first key that does not begin with `prefix` (etcd's rule for prefixes).
    static func end(ofPrefix prefix: [UInt8]) -> [UInt8] {
        var end = prefix
        while let last = end.popLast() {
            if last < 0xff { return end + [last + 1] }
        }
        // Nothing is larger: etcd reads this as "to the end".
        return [0]
    }
}
