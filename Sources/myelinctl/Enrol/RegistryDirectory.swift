internal import MeshConfig
internal import MeshRegistry

extension NodeConfiguration {
    /// Where the records of units are written.
    var registryDirectory: String {
        get throws(EnrolmentRefusal) {
            guard let directory = registry.files else {
                throw EnrolmentRefusal(
                    "this node reads no files of records",
                    "name a directory in `registry.files` of node.yaml, or register instead: myelinctl register")
            }
            return directory
        }
    }
}

extension NodeConfiguration.Stores {
    /// The stores that this node announces its endpoints in; nil if there are none.
    var announced: String? {
        let names = [etcd?.exchange.publish == true ? "etcd" : nil, consul?.exchange.publish == true ? "Consul" : nil].compactMap(\.self)
        return names.isEmpty ? nil : names.joined(separator: " and ")
    }
}
