internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle

/// Serves HTTP on a socket that somebody else has bound and listens on: the service manager, which keeps it while no daemon runs, so that who
/// connects then is answered by the next one. The socket's file is the manager's too.
struct InheritedServer: Service {
    let socket: Int32
    let responder: RouterResponder<PeerRequest>
    let log: Logger
    let listening: @Sendable () -> Void

    /// Until the service is told to shut down.
    func run() async throws {
        let reception = Reception(total: ServerBounds.connections, perSource: ServerBounds.perUser)
        let channel = ServerBounds.channel(Self.answer(responder, log), reception, ConnectionSource.user)
        let log = log
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .bind(socket) { channel.setup(channel: $0, logger: log) }
        listening()
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                try? await server.executeThenClose { connections in
                    for try await connection in connections {
                        group.addTask { await channel.handle(value: connection, logger: log) }
                    }
                }
            }
        } onGracefulShutdown: {
            server.channel.close(promise: nil)
        }
    }

    private static func answer(
        _ responder: RouterResponder<PeerRequest>, _ log: Logger
    ) -> HTTPChannelHandler.Responder {
        { request, writer, channel in
            let context = PeerRequest(source: ApplicationRequestContextSource(channel: channel, logger: log))
            let response: Response
            do { response = try await responder.respond(to: request, context: context) } catch {
                response = Response(status: .internalServerError)
            }
            try await writer.write(response: response.head, body: response.body)
        }
    }
}
