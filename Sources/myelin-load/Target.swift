import Glibc
import MeshSystem
import MeshTypes

/// Where connections go, and from where.
struct Target: Sendable {
    let address: SocketAddress
    /// Source addresses, in turn; empty: the kernel's choice. Each has its own range of source ports.
    let sources: [IPAddress]

    /// - Parameter text: `1.2.3.4:80`, `[::1]:80` or `name:80`, looked up once.
    init(_ text: String, sources: [String] = []) throws(LoadFailure) {
        address = try Self.resolve(text)
        var parsed: [IPAddress] = []
        for source in sources {
            guard let ip = IPAddress(source), ip.isV4 == address.ip.isV4 else {
                throw LoadFailure("\(source) is not a source address of the target's family")
            }
            parsed.append(ip)
        }
        self.sources = parsed
    }

    static func resolve(_ text: String) throws(LoadFailure) -> SocketAddress {
        if let address = SocketAddress(text) { return address }
        guard let colon = text.lastIndex(of: ":"), UInt16(text[text.index(after: colon)...]) != nil else {
            throw LoadFailure("'\(text)' is not host:port")
        }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(String(text[..<colon]), String(text[text.index(after: colon)...]), &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard status == 0, let first = found else { throw LoadFailure("\(text): \(String(cString: gai_strerror(status)))") }
        var kernel = KernelAddress()
        kernel.withMutablePointer { target, length in
            UnsafeMutableRawPointer(target).copyMemory(from: first.pointee.ai_addr, byteCount: Int(first.pointee.ai_addrlen))
            length.pointee = first.pointee.ai_addrlen
        }
        guard let address = kernel.address else { throw LoadFailure("\(text) has no IPv4 or IPv6 address") }
        return address
    }

    /// A non-blocking socket on its way to the target. - Parameter number: picks the source address.
    /// - Returns: the socket, or -1 and the errno of what failed.
    func connect(number: Int) -> (socket: Int32, error: Int32) {
        let socket = TCPSocket.open(isV4: address.ip.isV4)
        if socket < 0 { return (-1, errno) }
        if !sources.isEmpty {
            // The port is picked at connect: it needs to be free towards this target only.
            var one: Int32 = 1
            _ = setsockopt(socket, Int32(IPPROTO_IP), Self.bindAddressNoPort, &one, socklen_t(MemoryLayout<Int32>.size))
            let source = KernelAddress(SocketAddress(ip: sources[number % sources.count], port: 0))
            if source.withPointer({ bind(socket, $0, $1) }) != 0 { return failed(socket) }
        }
        if TCPSocket.connect(socket, to: address) != 0, errno != EINPROGRESS { return failed(socket) }
        return (socket, 0)
    }

    private static let bindAddressNoPort: Int32 = 24  // IP_BIND_ADDRESS_NO_PORT

    private func failed(_ socket: Int32) -> (socket: Int32, error: Int32) {
        let code = errno
        close(socket)
        return (-1, code)
    }
}
