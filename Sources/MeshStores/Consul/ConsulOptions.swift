/// Where a Consul agent is, and how it is spoken to.
package struct ConsulOptions: Sendable {
    package static let defaultPrefix = "myelin/"

    /// Such as `http://127.0.0.1:8500`: the agent of this machine, since a node registers its endpoints with it.
    package var agent: String
    package var access = StoreAccess()
    /// Holds the ACL token, on one line; read for each connection.
    package var tokenFile: String?
    /// nil: the agent's own.
    package var datacenter: String?
    /// Of Consul Enterprise; nil: the token's own.
    package var namespace: String?
    /// Services without this tag are not looked at; nil: all are.
    package var tag: String?
    /// Of operators' records in the key-value store; ends with `/`.
    package var prefix = Self.defaultPrefix
    /// What a node registered is critical this long after the node went silent (the checks' TTL).
    package var lease = Duration.seconds(10)
    /// For one answer that does not wait for a change.
    package var timeout = Duration.seconds(3)
    /// How long the agent may wait for a change.
    package var wait = Duration.seconds(30)

    package init(agent: String) { self.agent = agent }

    var place: String { "consul at \(agent)" }
    static let accessAdvice = "check the token's file and its rules: docs/consul.md lists what each node needs"
}
