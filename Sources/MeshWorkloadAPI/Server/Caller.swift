internal import Glibc
internal import MeshSystem
internal import NIOCore

/// The process at the other end of a connection, as the kernel knows it.
enum Caller: Sendable {
    case process(PeerProcess)
    /// Why it could not be told.
    case unknown(String)

    /// `struct ucred`, unix(7).
    private struct Credentials: Sendable {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    /// Asks for the pidfd of the process that connected, which is free of races; before Linux 6.5 for its number.
    static func identify(_ channel: any Channel) -> EventLoopFuture<Caller> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeSucceededFuture(.unknown("the connection has no socket"))
        }
        let pidfd: EventLoopFuture<CInt> = options.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: PeerProcess.pidfdOption))
        return pidfd.map { .process(PeerProcess(owningPidfd: $0)) }.flatMapError { error in
            // Only a kernel that does not know the option: of a process that has ended the number may be another's by now.
            guard (error as? IOError)?.errnoCode == ENOPROTOOPT else { return channel.eventLoop.makeFailedFuture(error) }
            let credentials: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(
                level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
            return credentials.map(byNumber)
        }.recover { .unknown("\($0)") }
    }

    private static func byNumber(_ credentials: Credentials) -> Caller {
        guard credentials.process > 0 else { return .unknown("it is outside of the daemon's PID namespace") }
        do throws(SystemError) { return .process(try PeerProcess(id: credentials.process)) } catch { return .unknown("\(error)") }
    }
}
