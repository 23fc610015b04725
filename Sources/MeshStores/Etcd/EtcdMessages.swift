internal import Foundation

/// A 64-bit number as the gateway writes it: in quotes (protocol buffers' JSON mapping). Absent means 0.
package struct EtcdNumber: Decodable, Equatable {
    let value: Int64

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            // Cluster identifiers use the whole range without a sign.
            guard let value = Int64(text) ?? UInt64(text).map(Int64.init(bitPattern:)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a number: \(text.prefix(40))")
            }
            self.value = value
        } else {
            value = try container.decode(Int64.self)
        }
    }
}

/// What every answer begins with (etcd `ResponseHeader`).
package struct EtcdHeader: Equatable, Sendable {
    var cluster: Int64
    /// Of the whole store, not of a key.
    var revision: Int64
    /// Grows with each election; smaller than before means that another history was put in place.
    var term: Int64
}

extension EtcdHeader: Decodable {
    private enum Keys: String, CodingKey { case cluster = "cluster_id", revision, term = "raft_term" }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        cluster = try values.decodeIfPresent(EtcdNumber.self, forKey: .cluster)?.value ?? 0
        revision = try values.decodeIfPresent(EtcdNumber.self, forKey: .revision)?.value ?? 0
        term = try values.decodeIfPresent(EtcdNumber.self, forKey: .term)?.value ?? 0
    }
}

package struct EtcdValue: Equatable, Sendable {
    var key: [UInt8]
    var value: [UInt8]
    var revision: Int64
}

extension EtcdValue: Decodable {
    private enum Keys: String, CodingKey { case key, value, revision = "mod_revision" }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        key = Array(try values.decodeIfPresent(Data.self, forKey: .key) ?? Data())
        value = Array(try values.decodeIfPresent(Data.self, forKey: .value) ?? Data())
        revision = try values.decodeIfPresent(EtcdNumber.self, forKey: .revision)?.value ?? 0
    }
}

package struct EtcdRange: Decodable, Equatable {
    package let header: EtcdHeader
    var kvs: [EtcdValue]?
    var more: Bool?
    var count: EtcdNumber?
}

/// One line of a watch.
struct EtcdWatchLine: Decodable {
    let result: EtcdWatchAnswer?
    let error: EtcdStreamError?

    /// What the gateway writes when the stream ends badly.
    struct EtcdStreamError: Decodable {
        let message: String?
        let grpcCode: Int?

        private enum CodingKeys: String, CodingKey { case message, grpcCode = "grpc_code" }
    }
}

package struct EtcdWatchAnswer: Equatable, Sendable {
    package enum Event: Equatable, Sendable {
        case put(EtcdValue)
        case delete(key: [UInt8], revision: Int64)

        var revision: Int64 {
            switch self {
            case .put(let value): value.revision
            case .delete(_, let revision): revision
            }
        }

        /// nil for a delete.
        var written: EtcdValue? {
            if case .put(let value) = self { return value }
            return nil
        }
    }

    var header: EtcdHeader
    var isCreated = false
    var isCanceled = false
    /// The oldest revision that there still is, if the one asked for is gone; else 0.
    var compactRevision: Int64 = 0
    var cancelReason = ""
    /// More of the same answer follows.
    var isFragment = false
    var events: [Event] = []
}

extension EtcdWatchAnswer: Decodable {
    private enum Keys: String, CodingKey {
        case header, created, canceled, fragment, events
        case compact = "compact_revision"
        case reason = "cancel_reason"
    }

    private struct RawEvent: Decodable {
        let type: String?
        let kv: EtcdValue
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        header = try values.decode(EtcdHeader.self, forKey: .header)
        isCreated = try values.decodeIfPresent(Bool.self, forKey: .created) ?? false
        isCanceled = try values.decodeIfPresent(Bool.self, forKey: .canceled) ?? false
        compactRevision = try values.decodeIfPresent(EtcdNumber.self, forKey: .compact)?.value ?? 0
        cancelReason = try values.decodeIfPresent(String.self, forKey: .reason) ?? ""
        isFragment = try values.decodeIfPresent(Bool.self, forKey: .fragment) ?? false
        events = try (values.decodeIfPresent([RawEvent].self, forKey: .events) ?? []).map { event in
            event.type == "DELETE" ? .delete(key: event.kv.key, revision: event.kv.revision) : .put(event.kv)
        }
    }
}

/// An answer of which only success and header count.
struct EtcdAcknowledgement: Decodable {
    let header: EtcdHeader
}

struct EtcdLease: Decodable {
    let header: EtcdHeader?
    let id: EtcdNumber?
    /// Seconds that it lives on; absent when it is gone.
    let ttl: EtcdNumber?

    private enum CodingKeys: String, CodingKey { case header, id = "ID", ttl = "TTL" }
}

/// Keep-alive answers are streamed, one to each request.
struct EtcdLeaseLine: Decodable {
    let result: EtcdLease?
}

struct EtcdToken: Decodable {
    let token: String
}

/// An answer that says no; fields by version: 3.4 has `error` and `message`, newer ones only `message`.
struct EtcdRefusal: Decodable {
    let error: String?
    let message: String?
    let code: Int?
}
