package import MeshPolicy
package import MeshTypes

/// Reads a directory of policy files (R6.5). One error in one file refuses the whole set.
package enum PolicyDocuments {
    package static let extensions = [".yaml", ".yml"]
    /// Bytes of one file.
    package static let maximumSize = 1 << 20

    /// - Parameters:
    ///   - namespace: that of every name in the files.
    ///   - aliases: other names of services (`agent` for `agent-orchestrator`).
    package static func load(
        directory: String, namespace: String, aliases: [ServiceName: ServiceName] = [:]
    ) throws(DocumentErrors) -> PolicySet {
        var policies: [ServicePolicy] = []
        var errors: [DocumentError] = []
        for file in try DocumentDirectory.files(in: directory, extensions: extensions) {
            do throws(DocumentErrors) {
                let document = try Document(file: file, limit: maximumSize)
                policies.append(try PolicyDocument.read(document, aliases: aliases))
            } catch { errors += error.errors }
        }
        errors += duplicates(among: policies)
        guard errors.isEmpty else { throw DocumentErrors(errors) }
        return PolicySet(policies, namespace: namespace, aliases: ServiceAliases(aliases))
    }

    /// One file's contents. - Parameter file: its name, which names the service where the text does not.
    package static func read(
        _ bytes: [UInt8], file: String, aliases: [ServiceName: ServiceName] = [:]
    ) throws(DocumentErrors) -> ServicePolicy {
        try PolicyDocument.read(try Document(bytes: bytes, file: file, limit: maximumSize), aliases: aliases)
    }

    private static func duplicates(among policies: [ServicePolicy]) -> [DocumentError] {
        var first: [ServiceName: RuleLocation] = [:]
        var errors: [DocumentError] = []
        for policy in policies {
            if let other = first[policy.service] {
                errors.append(
                    DocumentError(
                        file: policy.location.file, line: policy.location.line, column: policy.location.column,
                        message: "is a second policy for \(policy.service)", suggestion: "the first is \(other.file): keep one"))
            } else {
                first[policy.service] = policy.location
            }
        }
        return errors
    }
}
