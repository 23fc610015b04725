import Glibc
import MeshSystem
import MeshTypes
import Synchronization

/// A way between two nodes that the test opens: until then who dials it is accepted by the kernel, and gets no answer.
final class TestWay: Sendable {
    private let listener: TestListener
    private let opened = Atomic(0)

    init() throws { listener = try TestListener() }

    var address: SocketAddress { listener.address }
    /// Connections that went through.
    var count: Int { opened.load(ordering: .relaxed) }

    /// From now on, every connection, also one that waits, is joined with one to `target`.
    func open(to target: SocketAddress) {
        TestThread.start { [weak self, listener] in
            while let near = try? listener.accept(), let far = try? TestSocket(connectingTo: target) {
                self?.opened.add(1, ordering: .relaxed)
                TestThread.start { Self.carry(near, far) }
                TestThread.start { Self.carry(far, near) }
            }
        }
    }

    private static func carry(_ from: TestSocket, _ to: TestSocket) {
        while case .bytes(let bytes) = from.read(), to.write(bytes) == 0 {}
        to.finish()
    }
}
