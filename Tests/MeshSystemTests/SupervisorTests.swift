import Foundation
import Glibc
import MeshSystem
import MeshTypes
import Testing

/// The protocol of sd_notify(3), spoken to a socket like systemd's.
@Suite(.serialized) struct SupervisorTests {
    /// Takes datagrams and the descriptors that come with them.
    private final class Listener {
        let path = NSTemporaryDirectory() + "myelin-notify-\(UUID().uuidString.prefix(8))"
        private let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)

        init() {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
            precondition(result == 0, "bind: \(errno)")
        }

        deinit {
            close(socket)
            unlink(path)
        }

        func next() -> (text: String, descriptor: Int32?) {
            var text = [UInt8](repeating: 0, count: 4096)
            var control = [UInt8](repeating: 0, count: 64)
            return text.withUnsafeMutableBytes { text in
                control.withUnsafeMutableBytes { control in
                    var part = iovec(iov_base: text.baseAddress, iov_len: text.count)
                    return withUnsafeMutablePointer(to: &part) { part in
                        var message = msghdr()
                        message.msg_iov = part
                        message.msg_iovlen = 1
                        message.msg_control = control.baseAddress
                        message.msg_controllen = control.count
                        let count = recvmsg(socket, &message, Int32(MSG_DONTWAIT))
                        guard count >= 0 else { return ("", nil) }
                        // A header of 16 bytes, then the descriptor.
                        let descriptor = message.msg_controllen >= 20 ? control.loadUnaligned(fromByteOffset: 16, as: Int32.self) : nil
                        return (String(decoding: text[..<count], as: UTF8.self), descriptor)
                    }
                }
            }
        }
    }

    @Test func tellsWhatItIsTold() throws {
        let listener = Listener()
        let supervisor = Supervisor(socket: listener.path)
        try supervisor.tell(.ready, .status("serving\nas node-1"))
        #expect(listener.next().text == "READY=1\nSTATUS=serving as node-1")
        try supervisor.tell(.alive)
        #expect(listener.next().text == "WATCHDOG=1")
        try supervisor.tell(.needs(.milliseconds(1500)))
        #expect(listener.next().text == "EXTEND_TIMEOUT_USEC=1500000")
        try supervisor.forget("tunnel")
        #expect(listener.next().text == "FDSTOREREMOVE=1\nFDNAME=tunnel")
    }

    /// The kernel says that it is the same socket.
    @Test func handsOverTheSocketItself() throws {
        let listener = Listener()
        let socket = try TCPSocket.listen(on: SocketAddress(ip: .v4Loopback, port: 0))
        try Supervisor(socket: listener.path).keep(socket.raw, as: "tunnel")
        let (text, descriptor) = listener.next()
        #expect(text == "FDSTORE=1\nFDNAME=tunnel\nFDPOLL=0")
        let passed = FileDescriptor(owning: try #require(descriptor))
        #expect(TCPSocket.localAddress(passed.raw) == TCPSocket.localAddress(socket.raw))
    }

    @Test func withoutASupervisorNothingIsSent() throws {
        let nobody = Supervisor(socket: nil)
        try nobody.tell(.ready)
        try nobody.keep(0, as: "tunnel")
        #expect(!nobody.isPresent && nobody.watchdog == nil)
    }

    @Test func aSupervisorThatIsGoneIsAnError() {
        #expect(throws: SystemError.self) { try Supervisor(socket: "/nowhere/notify").tell(.ready) }
        #expect(throws: SystemError.self) { try Supervisor(socket: "/" + String(repeating: "x", count: 200)).tell(.ready) }
    }

    @Test func whatASocketIsTheKernelSays() throws {
        let listening = try TCPSocket.listen(on: SocketAddress(ip: .v4Loopback, port: 0))
        let kind = try #require(SocketKind(of: listening.raw))
        #expect(kind.isListening && kind.isStream && kind.address == TCPSocket.localAddress(listening.raw) && kind.namespace != 0)
        let datagrams = try DatagramSocket.bind(to: SocketAddress(ip: .v6Loopback, port: 0))
        let other = try #require(SocketKind(of: datagrams.raw))
        #expect(!other.isListening && !other.isStream && other.namespace == kind.namespace)
        let file = try FileDescriptor.open("/dev/null")
        #expect(SocketKind(of: file.raw) == nil)
    }

    @Test func givesEachInheritedSocketOnceAndClosesTheRest() throws {
        func opened() throws -> Int32 { try TCPSocket.listen(on: SocketAddress(ip: .v4Loopback, port: 0)).release() }
        let sockets = try [opened(), opened(), opened()]
        let inherited = InheritedSockets(["tunnel": [sockets[0], sockets[1]], "namespace-7": [sockets[2]]])
        func take(_ name: String, _ wanted: Int32) -> Int32? { inherited.take(name) { $0 == wanted }?.release() }
        #expect(take("tunnel", sockets[1]) == sockets[1])
        #expect(take("tunnel", sockets[1]) == nil)
        #expect(take("liveness", sockets[2]) == nil)
        close(sockets[1])
        #expect(inherited.closeRest() == ["namespace-7", "tunnel"])
        #expect(fcntl(sockets[0], F_GETFD) == -1 && fcntl(sockets[2], F_GETFD) == -1)
        #expect(inherited.names.isEmpty)
    }

    @Test func socketsMeantForAnotherProcessAreLeftAlone() {
        setenv("LISTEN_PID", "1", 1)
        setenv("LISTEN_FDS", "3", 1)
        setenv("LISTEN_FDNAMES", "tunnel:tunnel:status", 1)
        #expect(InheritedSockets.fromEnvironment().names.isEmpty)
        #expect(getenv("LISTEN_FDS") == nil)
    }
}
