/// Where an etcd cluster is, and how it is spoken to.
package struct EtcdOptions: Sendable {
    package static let defaultPrefix = "/myelin/"

    package struct Login: Sendable {
        let user: String
        /// Holds the password, on one line; read for each login.
        let passwordFile: String

        package init(user: String, passwordFile: String) {
            self.user = user
            self.passwordFile = passwordFile
        }
    }

    /// Such as `https://10.0.0.2:2379`; at least one. They are members of the same cluster.
    package var servers: [String]
    package var access = StoreAccess()
    package var login: Login?
    /// What all keys begin with; ends with `/`.
    package var prefix = Self.defaultPrefix
    /// What a node wrote lives this long after the node went silent.
    package var lease = Duration.seconds(10)
    /// For one answer.
    package var timeout = Duration.seconds(3)
    /// How often a server that is silent must show that it is there and complete. A node that is cut off from it knows before the leases of
    /// others end, so that it does not believe their end.
    var heartbeat: Duration { min(.seconds(5), max(.milliseconds(500), lease / 4)) }
    var heartbeatTimeout: Duration { min(timeout, max(.seconds(1), lease / 4)) }

    package init(servers: [String]) { self.servers = servers }

    /// For messages.
    func place(_ server: String) -> String { "etcd at \(server)" }

    static let accessAdvice = "check the user, its password file and the roles of etcd: docs/etcd.md lists what each node needs"
}
