internal import CLinux
internal import Glibc
package import MeshTypes

/// What an inherited socket is, by the kernel's word: its name proves nothing.
package struct SocketKind: Sendable, Equatable {
    /// Bound to it; nil for a Unix socket.
    package let address: SocketAddress?
    package let isStream: Bool
    package let isListening: Bool
    /// The cookie of its network namespace, which no other namespace ever has.
    package let namespace: UInt64

    package init(address: SocketAddress?, isStream: Bool, isListening: Bool, namespace: UInt64) {
        self.address = address
        self.isStream = isStream
        self.isListening = isListening
        self.namespace = namespace
    }

    /// nil when it is no socket.
    package init?(of descriptor: Int32) {
        guard let type: Int32 = Self.option(descriptor, SO_TYPE), let listens: Int32 = Self.option(descriptor, SO_ACCEPTCONN),
            let namespace = Self.namespaceCookie(of: descriptor)
        else { return nil }
        self.init(
            address: TCPSocket.localAddress(descriptor), isStream: type == Int32(SOCK_STREAM.rawValue), isListening: listens != 0,
            namespace: namespace)
    }

    /// Of the namespace that a socket lives in.
    package static func namespaceCookie(of descriptor: Int32) -> UInt64? { option(descriptor, namespaceCookieOption) }

    private static let namespaceCookieOption: Int32 = 71  // SO_NETNS_COOKIE

    private static func option<Value: FixedWidthInteger>(_ descriptor: Int32, _ name: Int32) -> Value? {
        var value = Value.zero
        var length = socklen_t(MemoryLayout<Value>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}
