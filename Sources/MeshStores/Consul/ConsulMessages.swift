/// An instance of a service with the checks that concern it (`/v1/health/service/<name>`).
struct ConsulInstance: Decodable {
    struct Node: Decodable {
        let name: String
        let address: String
        let meta: [String: String]?

        private enum CodingKeys: String, CodingKey { case name = "Node", address = "Address", meta = "Meta" }
    }

    struct Service: Decodable {
        let id: String
        let name: String
        let address: String
        let port: Int
        let meta: [String: String]?
        let weights: Weights?
        /// Empty but for Consul's own proxies and gateways.
        let kind: String?
        let modified: UInt64

        private enum CodingKeys: String, CodingKey {
            case id = "ID", name = "Service", address = "Address", port = "Port", meta = "Meta", weights = "Weights", kind = "Kind"
            case modified = "ModifyIndex"
        }
    }

    struct Weights: Decodable {
        let passing: Int
        let warning: Int

        private enum CodingKeys: String, CodingKey { case passing = "Passing", warning = "Warning" }
    }

    struct Check: Decodable {
        let status: String

        private enum CodingKeys: String, CodingKey { case status = "Status" }
    }

    /// Of all its checks, the worst; maintenance is a critical check.
    enum Health: Int, Comparable {
        case passing, warning, critical

        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    let node: Node
    let service: Service
    let checks: [Check]

    private enum CodingKeys: String, CodingKey { case node = "Node", service = "Service", checks = "Checks" }

    var health: Health {
        checks.map { check in
            switch check.status {
            case "passing": .passing
            case "warning": .warning
            default: .critical
            }
        }.max() ?? .passing
    }
}

struct ConsulValue: Decodable {
    let key: String
    /// base64; null for an empty value.
    let value: String?

    private enum CodingKeys: String, CodingKey { case key = "Key", value = "Value" }
}

/// What an agent is told of a service (`/v1/agent/service/register`).
struct ConsulRegistration: Encodable {
    struct Check: Encodable {
        let id: String
        let ttl: String
        let status = "passing"
        /// A node that is gone for good is forgotten; Consul takes no less than a minute.
        let forgottenAfter = "1m"

        private enum CodingKeys: String, CodingKey {
            case id = "CheckID", ttl = "TTL", status = "Status", forgottenAfter = "DeregisterCriticalServiceAfter"
        }
    }

    let id: String
    let name: String
    let address: String
    let port: Int
    let tags: [String]
    let meta: [String: String]
    let check: Check

    private enum CodingKeys: String, CodingKey {
        case id = "ID", name = "Name", address = "Address", port = "Port", tags = "Tags", meta = "Meta", check = "Check"
    }
}

/// Of the agent's own services, as far as it matters.
struct ConsulOwnService: Decodable {
    let id: String

    private enum CodingKeys: String, CodingKey { case id = "ID" }
}
