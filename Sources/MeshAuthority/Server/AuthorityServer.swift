internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import MeshAdmin
package import MeshIdentity
package import MeshTypes
internal import NIOCore
internal import Synchronization

/// Serves the authority to other nodes: HTTPS (TLS 1.3) with JSON. A node's certificate is required for everything but joining.
package final class AuthorityServer: Sendable {
    let desk: IssuingDesk
    let identity: ServerIdentity
    let log: Logger
    let nodeRates = Mutex(RequestRates(burst: AuthorityBounds.nodeBurst, rate: AuthorityBounds.nodeRate, capacity: AuthorityBounds.rates))
    let joinRates = Mutex(RequestRates(burst: AuthorityBounds.joinBurst, rate: AuthorityBounds.joinRate, capacity: AuthorityBounds.rates))
    private let address: MeshTypes.SocketAddress
    private let journal: Mutex<(nodes: NodeJournal, isDirty: Bool)>
    private let started = ContinuousClock.now

    package init(_ desk: IssuingDesk, listen address: MeshTypes.SocketAddress, log: Logger) throws(AuthorityFailure) {
        self.desk = desk
        self.address = address
        self.log = log
        identity = try ServerIdentity(desk.authority)
        journal = Mutex((try NodeJournal.read(in: desk.authority.directory), false))
    }

    /// Nodes that asked lately, with what each has.
    package var nodes: NodeJournal { journal.withLock { $0.nodes } }

    /// Until cancelled.
    /// - Parameter listening: called with the port once connections are accepted.
    package func run(listening: @escaping @Sendable (UInt16) -> Void = { _ in }) async throws {
        var quiet = log
        quiet.logLevel = .error
        let (identity, places) = (identity, AuthorityPlaces())
        let server = HTTPServerBuilder { responder in
            var configuration = HTTP1Channel.Configuration(idleTimeout: .seconds(60))
            configuration.httpDecoder = .init(
                maxHeaderFieldSize: AuthorityBounds.question, maxHeaderListSize: AuthorityBounds.question, maxHeaderFieldCount: 100)
            return GuardedChannel(
                base: HTTP1Channel(responder: responder, configuration: configuration), identity: identity, places: places)
        }
        let asked = address.port
        let application = Application(
            router: routes(), server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(address.ip.description, port: Int(asked)), serverName: "myelind",
                backlog: AuthorityBounds.backlog),
            onServerRunning: { listening($0.localAddress?.port.map { UInt16(truncatingIfNeeded: $0) } ?? asked) }, logger: quiet)
        let watch = Task { await self.look() }
        defer { watch.cancel() }
        try await GracefulServing.run(application, log: quiet)
    }

    /// Follows the authority's files, and writes down which node has what.
    private func look() async {
        var lastFailure: String?
        var written = ContinuousClock.now
        while !Task.isCancelled {
            do throws(AuthorityFailure) {
                try identity.refresh()
                if lastFailure != nil { log.notice("the authority's files are in force again") }
                lastFailure = nil
            } catch {
                if lastFailure != error.description {
                    log.error("the authority's files cannot be used; the last good ones stay in force", metadata: ["error": "\(error)"])
                }
                lastFailure = error.description
            }
            if ContinuousClock.now - written >= AuthorityBounds.journal {
                writeJournal()
                desk.sweepTokens()
                written = .now
            }
            do { try await Task.sleep(for: AuthorityBounds.look) } catch { break }
        }
        writeJournal()
    }

    private func writeJournal() {
        let nodes: NodeJournal? = journal.withLock { state in
            defer { state.isDirty = false }
            return state.isDirty ? state.nodes : nil
        }
        guard let nodes else { return }
        do throws(AuthorityFailure) { try nodes.write(in: desk.authority.directory) } catch {
            log.error("which node has what cannot be written down", metadata: ["error": "\(error)"])
        }
    }

    func note(_ node: String, has version: String) {
        journal.withLock { state in
            state.nodes.note(node, version: version, now: Date())
            state.isDirty = true
        }
    }

    /// Seconds, for rates.
    var seconds: Double {
        let parts = (ContinuousClock.now - started).components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }
}
