/// Reads `limits:` of `node.yaml`: where all nodes count together.
enum LimitsDocument {
    private static let keys = ["redis", "username", "password_file", "ca_file", "timeout", "unavailable"]

    static func limits(_ value: DocumentValue) -> NodeConfiguration.Limits {
        var limits = NodeConfiguration.Limits()
        guard let mapping = value.mapping(keys: keys) else { return limits }
        limits.redis = mapping["redis"].flatMap(address)
        limits.username = mapping["username"]?.text()
        limits.passwordFile = mapping["password_file"]?.absolutePath()
        limits.authorityFile = mapping["ca_file"]?.absolutePath()
        if let timeout = mapping["timeout"]?.duration(in: .milliseconds(10) ... .seconds(5)) { limits.timeout = timeout }
        if let choice = mapping["unavailable"]?.choice(NodeConfiguration.Limits.Unavailable.self) { limits.unavailable = choice }
        if mapping["redis"] == nil {
            value.report("names no `redis`: there is nothing to count in", "write it as redis://10.0.0.9:6379/0, or leave `limits` out")
        }
        if mapping["username"] != nil, mapping["password_file"] == nil {
            mapping["username"]?.report("a `username` without `password_file`", "name the file that holds the password")
        }
        if mapping["ca_file"] != nil, let redis = limits.redis, !redis.usesTLS {
            mapping["ca_file"]?.report("an authority, where no TLS is used", "write rediss:// instead of redis://, or leave it out")
        }
        return limits
    }

    private static func address(_ value: DocumentValue) -> RedisAddress? {
        guard let text = value.text() else { return nil }
        if let address = RedisAddress(text) { return address }
        if text.contains("@") {
            value.report("holds a login, which everybody could read in `myelinctl config`", "use `username` and `password_file`")
        } else {
            value.report(
                "is no address of a Redis server", "write it as redis://10.0.0.9:6379/0, or rediss:// for TLS; IPv6 addresses in brackets")
        }
        return nil
    }
}
