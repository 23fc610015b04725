internal import Glibc
internal import MeshProtocols
internal import MeshSystem

/// A workload's DNS connection over TCP: queries may be pipelined, answers go out as they are ready (RFC 7766 §6.2.1.1).
final class NameConnection {
    let socket: NameSocket
    let asker: NameAsker
    var incoming = DNSStream()
    private var outgoing: [UInt8] = []
    /// Queries of it that wait for an upstream.
    var waiting = 0
    /// When it last asked something whole or took some of an answer: single octets do not keep it open.
    var lastActive: UInt64
    /// The peer sends no more: closed once everything was answered.
    var peerEnded = false
    private(set) var isBroken = false
    /// Its queries are being answered: an answer at once does not start over.
    var isProcessing = false

    /// Answers that a peer who does not read may have waiting. Bytes.
    private static let maximumOutgoing = 256 << 10

    init(_ socket: NameSocket, asker: NameAsker, now: UInt64) {
        self.socket = socket
        self.asker = asker
        lastActive = now
    }

    var isFinished: Bool { isBroken || peerEnded && waiting == 0 && outgoing.isEmpty && !incoming.hasMessage }
    var wantsToWrite: Bool { !outgoing.isEmpty }

    /// The peer is gone, in both directions.
    func abandon() { isBroken = true }

    func send(_ message: [UInt8]) {
        outgoing += DNSStream.framed(message)
        if outgoing.count > Self.maximumOutgoing { isBroken = true }
        flush()
    }

    /// - Returns: whether the peer took anything.
    @discardableResult
    func flush() -> Bool {
        let before = outgoing.count
        while !outgoing.isEmpty {
            let count = Glibc.send(socket.descriptor.raw, outgoing, outgoing.count, Int32(MSG_NOSIGNAL))
            if count > 0 {
                outgoing.removeFirst(count)
            } else if errno != EINTR {
                if errno != EAGAIN { isBroken = true }
                break
            }
        }
        return outgoing.count < before
    }

    /// Reads what is there.
    func fill(_ scratch: UnsafeMutableRawBufferPointer) {
        let count = recv(socket.descriptor.raw, scratch.baseAddress, scratch.count, 0)
        if count > 0 {
            incoming.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        } else if count == 0 {
            peerEnded = true
        } else if errno != EAGAIN, errno != EINTR {
            isBroken = true
        }
    }
}
