internal import Foundation
internal import Logging
internal import MeshConfig
internal import MeshDataPlane
internal import Synchronization

/// Has names outside the mesh asked of the servers in the node's own resolv.conf, where `dns.upstream` names none, and follows that file.
final class NodeResolvers: Sendable {
    private static let interval = Duration.seconds(5)
    static let remedy = "name servers in dns.upstream of node.yaml, or a file with `nameserver` lines in dns.resolv_conf"

    private let path: String
    private let virtual: [IPNetwork]
    private let names: NameServer
    private let log: Logger
    private let file = Mutex<ResolverFile?>(nil)

    /// nil where `dns.upstream` names servers: then the file is not looked at.
    init?(_ configuration: NodeConfiguration, names: NameServer, log: Logger) {
        guard configuration.dns.upstream.isEmpty else { return nil }
        path = configuration.dns.resolverFile
        virtual = [configuration.dns.virtualV4, configuration.dns.virtualV6]
        self.names = names
        self.log = log
    }

    /// Why nobody can be asked for names outside the mesh; nil while somebody can.
    var problem: String? {
        file.withLock { file in
            guard file?.servers.isEmpty ?? true else { return nil }
            let unusable = file?.unusable ?? []
            return "\(path) names no server that could be asked for names outside the mesh: all of them fail"
                + (unusable.isEmpty ? "" : " (not used: \(unusable.joined(separator: ", ")))")
        }
    }

    /// Until cancelled. The file is replaced by others than us, by renaming: it is read again by its name.
    func run() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.interval) } catch { return }
            read()
        }
    }

    func read() {
        let found = ResolverFile(text() ?? "", virtual: virtual)
        let isNew = file.withLock { file in
            defer { file = found }
            return file != found
        }
        guard isNew else { return }
        names.use(found.servers)
        let servers = found.servers.map(\.description).joined(separator: ", ")
        if let problem {
            log.error("\(problem)")
        } else {
            log.notice(
                "names outside the mesh are asked of the node's own servers", metadata: ["file": "\(path)", "servers": "\(servers)"])
        }
        if !found.unusable.isEmpty {
            log.warning("name servers are not used", metadata: ["file": "\(path)", "servers": "\(found.unusable.joined(separator: ", "))"])
        }
    }

    /// Its beginning, however long it is.
    private func text() -> String? {
        guard let handle = FileHandle(forReadingAtPath: path), let bytes = try? handle.read(upToCount: ResolverFile.longest) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
