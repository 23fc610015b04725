internal import MeshSystem
internal import NIOCore
internal import NIOHTTP2
internal import NIOPosix
internal import Synchronization

/// The SPIFFE Workload API of this node: gRPC on a Unix socket that every process may open, and which knows who opened it.
package final class WorkloadServer: Sendable {
    /// What processes that are no workload's share.
    private static let stranger = ""
    /// Everybody may connect: the kernel says who it is.
    private static let mode: UInt32 = 0o666

    package let tally = WorkloadAPITally()
    private let options: WorkloadAPIOptions
    private let desk: CallDesk
    private let roster: CallerRoster
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    /// - Parameter report: told of refusals and failures, each caller's once a minute.
    package init(
        _ options: WorkloadAPIOptions, svids: WorkloadSVIDs, trustDomain: String, report: @escaping @Sendable (WorkloadAPIEvent) -> Void
    ) {
        self.options = options
        desk = CallDesk(svids: svids, trustDomain: trustDomain, options: options, tally: tally, report: report)
        roster = CallerRoster(total: options.connections, perCaller: options.connectionsPerCaller)
    }

    package var connections: Int { roster.count }
    package var streams: Int { desk.openStreams }

    /// Until cancelled; the socket's file goes with it.
    /// - Parameter listening: called once connections are accepted.
    package func run(listening: @escaping @Sendable () -> Void = {}) async throws {
        let file = SocketFile(path: options.socket, mode: Self.mode)
        try file.clear()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: Int32(options.connectionsPerCaller))
            .childChannelInitializer { channel in self.accept(channel) }
            .bind(unixDomainSocketPath: file.privatePath).get()
        let identity: SocketFile.Identity
        do { identity = try file.publish() } catch {
            try? await listener.close()
            throw error
        }
        defer { file.remove(identity) }
        listening()
        try await withTaskCancellationHandler {
            try await listener.closeFuture.get()
        } onCancel: {
            listener.close(promise: nil)
        }
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
        try Task.checkCancellation()
    }

    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        Caller.identify(channel).flatMap { caller in
            channel.eventLoop.makeFutureWithTask { await self.desk.place(caller) ?? Self.stranger }.flatMap { place in
                guard self.roster.enter(place) else {
                    return channel.eventLoop.makeFailedFuture(GRPCStatus(.resourceExhausted, "too many connections"))
                }
                self.channels.withLock { $0[ObjectIdentifier(channel)] = channel }
                channel.closeFuture.whenComplete { _ in
                    self.roster.leave(place)
                    self.channels.withLock { $0[ObjectIdentifier(channel)] = nil }
                }
                return self.speak(channel, caller)
            }
        }
    }

    private func speak(_ channel: any Channel, _ caller: Caller) -> EventLoopFuture<Void> {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: options.streamsPerConnection),
            HTTP2Setting(parameter: .maxHeaderListSize, value: options.headerBytes),
        ]
        let (desk, options) = (desk, options)
        return channel.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: connection, streamConfiguration: .init()
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(CallHandler(desk: desk, caller: caller, options: options))
            }
        }.map { _ in }
    }
}
