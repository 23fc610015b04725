import Foundation
import Logging
import MeshAuthority
import MeshIdentity
import MeshTLS
import MeshTypes
import Synchronization

/// An authority in a directory of its own, served on a free port of the loopback interface.
final class ServedAuthority: Sendable {
    static let trustDomain = "daarion.city"
    let path: String
    let authority: EmbeddedCA
    let desk: IssuingDesk
    private let running = Mutex<Task<Void, Never>?>(nil)
    private let port = Mutex<UInt16>(0)

    /// - Parameters:
    ///   - node: the one that carries it.
    ///   - book: the registry that it has in common with another one; nil for its own.
    init(
        _ path: String = "\(NSTemporaryDirectory())/myelin-authority-\(UUID().uuidString)", source: AuthoritySource = .root,
        node: String = "node-1", book: PlacementBook? = nil
    ) throws {
        self.path = path
        authority = try EmbeddedCA.open(directory: path + "/ca", trustDomain: Self.trustDomain, node: node, source: source)
        let book = book ?? PlacementBook()
        self.book = book
        desk = IssuingDesk(authority, longest: .seconds(3600)) { node, service in book.places(node, service) }
    }

    let book: PlacementBook

    deinit {
        running.withLock { $0?.cancel() }
        try? FileManager.default.removeItem(atPath: path)
    }

    var address: SocketAddress { SocketAddress(ip: .v4Loopback, port: port.withLock { $0 }) }

    /// Serves, on the same port as before if there was one.
    func start() async throws {
        let server = try AuthorityServer(desk, listen: address, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let (ports, listening) = AsyncStream.makeStream(of: UInt16.self)
        let task = Task { [desk] in
            _ = desk
            try? await server.run { listening.yield($0) }
            listening.finish()
        }
        running.withLock { $0 = task }
        for await found in ports {
            port.withLock { $0 = found }
            return
        }
        throw AuthorityFailure(.unreachable, "the server did not start", advice: "")
    }

    func stop() async {
        let task = running.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    func token(_ node: String, lifetime: Duration = .seconds(3600), now: Date = Date()) throws -> JoinToken {
        try TokenStore(directory: authority.directory).make(for: node, rootsDER: try authority.trust().roots, lifetime: lifetime, now: now)
    }

    /// A node with a token file that holds `token`.
    /// - Parameter place: of its state; nil for one that its name says.
    func node(_ name: String, token: JoinToken?, servers: [SocketAddress]? = nil, place: String? = nil) throws -> RemoteAuthority {
        let state = "\(path)/\(place ?? name)"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        if let token { try put(token, for: place ?? name) }
        return try RemoteAuthority(
            RemoteAuthorityOptions(
                servers: servers ?? [address], identity: NodeIdentity(trustDomain: Self.trustDomain, name: name)!,
                tokenFile: "\(state)/token", directory: "\(state)/authority"),
            log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    func put(_ token: JoinToken, for name: String) throws {
        try "\(token)\n".write(toFile: "\(path)/\(name)/token", atomically: true, encoding: .utf8)
    }
}

/// Stands for the registry.
final class PlacementBook: Sendable {
    private let placed = Mutex<[String: Set<ServiceIdentity>]>([:])
    func place(_ service: String, on node: String) { placed.withLock { _ = $0[node, default: []].insert(.of(service)) } }
    func places(_ node: String, _ service: ServiceIdentity) -> Bool { placed.withLock { $0[node]?.contains(service) ?? false } }
}

extension ServiceIdentity {
    static func of(_ service: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(service)!) }
}

extension SPIFFEID {
    static func of(_ service: String) -> SPIFFEID { SPIFFEID(trustDomain: ServedAuthority.trustDomain, service: .of(service)) }
}

extension RemoteAuthority {
    /// A certificate for a key made here.
    func certificate(_ service: String, lifetime: Duration = .seconds(600)) async throws -> IssuedCertificate {
        try await issue(for: .of(service), requestDER: TLSPrivateKey().certificateRequest(), lifetime: lifetime, now: Date())
    }
}

extension RemoteAuthority {
    /// Asks again while the machine is too busy to answer in time.
    func patientCertificate(_ service: String) async throws -> IssuedCertificate {
        for _ in 0..<20 {
            do { return try await certificate(service) } catch let error as AuthorityFailure where error.code == .unreachable {
                try await Task.sleep(for: .seconds(1))
            }
        }
        return try await certificate(service)
    }
}

/// The code of what `body` throws; nil if it throws nothing.
func code(_ body: () async throws -> Void) async -> AuthorityFailure.Code? {
    do { try await body() } catch let error as AuthorityFailure { return error.code } catch { return nil }
    return nil
}

/// Waits until `condition` holds, for as long as a busy machine may need.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<200 {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(50))
    }
    return false
}
