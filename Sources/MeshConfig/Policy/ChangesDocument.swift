internal import MeshPolicy
internal import MeshRouting

/// Reads what is changed in messages on their way: `request_headers:`, `response_headers:` and `rewrite:`.
extension TrafficDocument {
    /// - Parameter prefix: the start that the path of every request concerned has; nil when there is none to speak of.
    func changes(_ mapping: DocumentMapping, prefix: String?) -> ServicePolicy.Changes {
        var changes = ServicePolicy.Changes()
        changes.request = mapping["request_headers"].flatMap(headers)
        changes.response = mapping["response_headers"].flatMap(headers)
        changes.rewrite = mapping["rewrite"].flatMap { rewrite($0, prefix: prefix) }
        return changes
    }

    /// `{set: {x-a: b}, add: {x-d: e}, remove: [x-c]}`.
    private func headers(_ value: DocumentValue) -> HeaderChanges? {
        guard let mapping = value.completeMapping(keys: ["set", "add", "remove"]) else { return nil }
        var seen: [String: String] = [:]
        let set = mapping["set"].map { fields($0, "set", &seen) } ?? []
        let add = mapping["add"].map { fields($0, "add", &seen) } ?? []
        let remove = mapping["remove"]?.list()?.compactMap { name($0, "remove", &seen) } ?? []
        let count = set.count + add.count + remove.count
        guard count <= HeaderChanges.maximumFields else {
            value.report("names \(count) fields, where at most \(HeaderChanges.maximumFields) are expected", "leave some out")
            return nil
        }
        if seen.isEmpty { value.report("changes nothing", "name a field under set, add or remove, or leave the key out") }
        return HeaderChanges(set: set, add: add, remove: remove)
    }

    private func fields(_ value: DocumentValue, _ verb: String, _ seen: inout [String: String]) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        for (key, value) in value.pairs() {
            guard let name = name(key, verb, &seen), let text = value.string() else { continue }
            if HeaderChanges.isValue(text) {
                fields.append((name, text))
            } else {
                value.report(
                    "is no value of a field: it is empty, has control characters, a space at an end, or more than \(HeaderChanges.longestValue) bytes",
                    "write one line of text")
            }
        }
        return fields
    }

    /// In lower case. A field may stand under one verb only: the order of the three means nothing.
    private func name(_ value: DocumentValue, _ verb: String, _ seen: inout [String: String]) -> String? {
        guard let name = value.string()?.lowercased() else { return nil }
        let other = seen.updateValue(verb, forKey: name)
        if let refusal = HeaderChanges.refusal(of: name) {
            value.report(refusal.message, refusal.suggestion)
            return nil
        }
        guard let other else { return name }
        value.report("\(name) stands under both \(other) and \(verb)", "keep one of them (set replaces what came)")
        return nil
    }

    /// `{path: /new}` or `{prefix: /new/}`, and `{host: other}`.
    private func rewrite(_ value: DocumentValue, prefix: String?) -> Rewrite? {
        guard let mapping = value.completeMapping(keys: ["path", "prefix", "host"]) else { return nil }
        var rewrite = Rewrite()
        if mapping["path"] != nil, mapping["prefix"] != nil { value.report("both `path` and `prefix`", "leave one of the two out") }
        if let path = mapping["path"].flatMap(newPath) { rewrite.path = .whole(Array(path.utf8)) }
        if let key = mapping["prefix"], let new = newPath(key) {
            if let prefix {
                if prefix.hasSuffix("/") != new.hasSuffix("/") {
                    key.report("\(new) does not end as the matched prefix \(prefix) does", "end both in /, or neither")
                }
                rewrite.path = .prefix(Array(prefix.utf8), with: Array(new.utf8))
            } else {
                key.report("a `rewrite.prefix` without `match.prefix`: nothing says what is replaced", "match a prefix, or write `path`")
            }
        }
        if let key = mapping["host"], let host = key.string() {
            if !Rewrite.isHost(host) { key.report("is no host", "write a name or an address, and a port if there is one") }
            rewrite.host = Array(host.utf8)
        }
        if ["path", "prefix", "host"].allSatisfy({ mapping[$0] == nil }) {
            value.report("changes nothing", "say `path`, `prefix` or `host`")
        }
        return rewrite
    }

    private func newPath(_ value: DocumentValue) -> String? {
        guard let text = value.text(longest: 1024) else { return nil }
        if Rewrite.isPath(text) { return text }
        value.report("is no plain path", "begin it with /, without a query, empty segments, . or .., and encode what is not ASCII")
        return nil
    }
}
