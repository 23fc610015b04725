import Glibc
import MeshSystem
import MeshTypes
import Synchronization

/// A way between two nodes that the test opens: until then who dials it is accepted by the kernel, and gets no answer.
final class TestWay: Sendable {
    private let listener: TestListener
    private let opened = Atomic(0)
    private let ends = Mutex<[TestSocket]>([])

    init() throws { listener = try TestListener() }

    var address: SocketAddress { listener.address }
    /// Connections that went through.
    var count: Int { opened.load(ordering: .relaxed) }

    /// From now on, every connection, also one that waits, is joined with one to `target`.
    func open(to target: SocketAddress) {
        TestThread.start { [weak self, listener] in
            while let near = try? listener.accept(), let far = try? TestSocket(connectingTo: target) {
                self?.opened.add(1, ordering: .relaxed)
                self?.ends.withLock { $0 += [near, far] }
                TestThread.start { Self.carry(near, far) }
                TestThread.start { Self.carry(far, near) }
            }
        }
    }

    /// Every connection that went through ends, in the midst of whatever it carries.
    func cut() { ends.withLock { for end in $0 { shutdown(end.raw, Int32(SHUT_RDWR)) } } }

    private static func carry(_ from: TestSocket, _ to: TestSocket) {
        while case .bytes(let bytes) = from.read(), to.write(bytes) == 0 {}
        to.finish()
    }
}
