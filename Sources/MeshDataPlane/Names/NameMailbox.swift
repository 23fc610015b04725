internal import Glibc
internal import MeshSnapshot
internal import MeshSystem
internal import MeshTypes
internal import Synchronization

/// What others hand to the names thread.
final class NameMailbox: Sendable {
    enum Order: Sendable {
        /// The descriptors are owned by whoever holds the order.
        case serve(Int32, NamespaceIndex)
        case serveStream(Int32, NameAsker)
        case release(NamespaceIndex)
        case stop
    }

    struct Contents: Sendable {
        var snapshot: Snapshot?
        var orders: [Order] = []
    }

    private let contents = Mutex(Contents())
    private let wakeUp: FileDescriptor

    /// - Parameter wakeUp: what is written to when there is something.
    init(wakeUp: consuming FileDescriptor) { self.wakeUp = wakeUp }

    deinit {
        for order in contents.withLock({ $0.orders }) {
            switch order {
            case .serve(let raw, _), .serveStream(let raw, _): close(raw)
            case .release, .stop: break
            }
        }
    }

    func publish(_ snapshot: Snapshot) {
        contents.withLock { $0.snapshot = snapshot }
        wake()
    }

    func order(_ order: Order) {
        contents.withLock { $0.orders.append(order) }
        wake()
    }

    func take() -> Contents {
        contents.withLock { contents in
            let taken = contents
            contents = Contents()
            return taken
        }
    }

    /// A full pipe wakes as well as one more byte would.
    private func wake() {
        var byte: UInt8 = 1
        _ = write(wakeUp.raw, &byte, 1)
    }
}
