internal import CLinux
internal import Glibc

/// A message to netlink: header, a fixed part, attributes, each padded to four bytes.
struct NetlinkMessage {
    private(set) var bytes: [UInt8] = []

    init(type: UInt16, flags: UInt16) {
        append(nlmsghdr(nlmsg_len: 0, nlmsg_type: type, nlmsg_flags: flags | UInt16(NLM_F_REQUEST), nlmsg_seq: 1, nlmsg_pid: 0))
    }

    mutating func append<Part: BitwiseCopyable>(_ part: Part) {
        withUnsafeBytes(of: part) { bytes.append(contentsOf: $0) }
        while bytes.count % 4 != 0 { bytes.append(0) }
        let length = UInt32(bytes.count)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: length, as: UInt32.self) }
    }

    mutating func append<Value: BitwiseCopyable>(attribute type: UInt16, _ value: Value) {
        append(nlattr(nla_len: UInt16(MemoryLayout<nlattr>.size + MemoryLayout<Value>.size), nla_type: type))
        append(value)
    }
}

/// A netlink socket of the calling thread's namespace.
struct NetlinkSocket: ~Copyable {
    private let descriptor: FileDescriptor
    private static let receiveBytes = 65536

    init(protocol number: Int32) throws(SystemError) {
        descriptor = FileDescriptor(
            owning: try checked("socket(AF_NETLINK)") {
                socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | SOCK_CLOEXEC_FLAG, number)
            })
    }

    /// Sends a request and waits for its acknowledgement; throws the kernel's errno unless it is in `tolerating`.
    borrowing func request(_ message: NetlinkMessage, tolerating: Set<Int32>) throws(SystemError) {
        var bytes = message.bytes
        bytes.withUnsafeMutableBytes { raw in
            let flags = raw.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
            raw.storeBytes(of: flags | UInt16(NLM_F_ACK), toByteOffset: 6, as: UInt16.self)
        }
        try send(bytes)
        var outcome: Int32?
        while outcome == nil {
            try receive { type, payload in
                if type == UInt16(NLMSG_ERROR) { outcome = -payload.loadUnaligned(as: Int32.self) }
                return outcome == nil
            }
        }
        if let outcome, outcome != 0, !tolerating.contains(outcome) { throw SystemError("netlink request", code: outcome) }
    }

    /// Sends a dump request and hands each message's payload to `body` until the dump is done.
    borrowing func dump(_ message: NetlinkMessage, _ body: (UnsafeRawBufferPointer) -> Void) throws(SystemError) {
        var bytes = message.bytes
        bytes.withUnsafeMutableBytes { raw in
            let flags = raw.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
            raw.storeBytes(of: flags | UInt16(NLM_F_ROOT | NLM_F_MATCH), toByteOffset: 6, as: UInt16.self)
        }
        try send(bytes)
        var done = false
        var failure: Int32 = 0
        while !done {
            try receive { type, payload in
                switch type {
                case UInt16(NLMSG_DONE): done = true
                case UInt16(NLMSG_ERROR):
                    failure = -payload.loadUnaligned(as: Int32.self)
                    done = true
                default: body(payload)
                }
                return !done
            }
        }
        if failure != 0 { throw SystemError("netlink dump", code: failure) }
    }

    private borrowing func send(_ bytes: [UInt8]) throws(SystemError) {
        let raw = descriptor.raw
        try checked("send(netlink)") { Glibc.send(raw, bytes, bytes.count, 0) }
    }

    /// One datagram; `body` gets each message's type and payload until it returns false.
    private borrowing func receive(_ body: (UInt16, UnsafeRawBufferPointer) -> Bool) throws(SystemError) {
        var buffer = [UInt8](repeating: 0, count: Self.receiveBytes)
        let raw = descriptor.raw
        let count = try checked("recv(netlink)") { recv(raw, &buffer, buffer.count, 0) }
        buffer.withUnsafeBytes { bytes in
            var offset = 0
            let header = MemoryLayout<nlmsghdr>.size
            while offset + header <= count {
                let length = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                let type = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt16.self)
                guard length >= header, offset + length <= count else { return }
                guard body(type, UnsafeRawBufferPointer(rebasing: bytes[(offset + header)..<(offset + length)])) else { return }
                offset += (length + 3) & ~3
            }
        }
    }
}

/// Writes a small file of /proc or /sys.
package func writeText(_ text: String, to path: String) throws(SystemError) {
    let file = try FileDescriptor.open(path, flags: O_WRONLY)
    let raw = file.raw
    try checked("write", on: path) { write(raw, text, text.utf8.count) }
}
