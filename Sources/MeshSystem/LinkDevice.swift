internal import CLinux
internal import Glibc

/// A network device, as rtnetlink tells of it.
package struct LinkDevice: Sendable, Equatable {
    package let index: UInt32
    package let name: String
    /// `veth`, `macvlan`, `bridge`, …; empty for hardware.
    package let kind: String
    /// For a veth: the index of the other end, in that end's namespace.
    package let peer: UInt32?

    /// Those of the calling thread's namespace, loopback left out.
    package static func all() throws(SystemError) -> [LinkDevice] {
        var message = NetlinkMessage(type: UInt16(RTM_GETLINK), flags: 0)
        message.append(ifinfomsg())
        var found: [LinkDevice] = []
        try NetlinkSocket(protocol: NETLINK_ROUTE).dump(message) { payload in
            if let device = LinkDevice(payload) { found.append(device) }
        }
        return found
    }

    private static let loopback: UInt32 = 1

    private init?(_ payload: UnsafeRawBufferPointer) {
        let header = MemoryLayout<ifinfomsg>.size
        guard payload.count >= header else { return nil }
        index = UInt32(bitPattern: payload.loadUnaligned(as: ifinfomsg.self).ifi_index)
        guard index != Self.loopback else { return nil }
        var name = ""
        var kind = ""
        var peer: UInt32?
        Self.attributes(of: UnsafeRawBufferPointer(rebasing: payload[header...])) { type, value in
            switch type {
            case UInt16(IFLA_IFNAME): name = Self.text(value)
            case UInt16(IFLA_LINK): if value.count >= 4 { peer = value.loadUnaligned(as: UInt32.self) }
            case UInt16(IFLA_LINKINFO):
                Self.attributes(of: value) { type, value in
                    if type == UInt16(IFLA_INFO_KIND) { kind = Self.text(value) }
                }
            default: break
            }
        }
        self.name = name
        self.kind = kind
        self.peer = peer
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }

    /// Type (without the flags of nesting) and value of each attribute.
    private static func attributes(of bytes: UnsafeRawBufferPointer, _ body: (UInt16, UnsafeRawBufferPointer) -> Void) {
        let header = MemoryLayout<nlattr>.size
        var offset = 0
        while offset + header <= bytes.count {
            let length = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            let type = bytes.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self) & 0x3fff
            guard length >= header, offset + length <= bytes.count else { return }
            body(type, UnsafeRawBufferPointer(rebasing: bytes[(offset + header)..<(offset + length)]))
            offset += (length + 3) & ~3
        }
    }
}
