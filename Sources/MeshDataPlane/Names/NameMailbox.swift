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
        case use([SocketAddress])
        case stop
    }

    struct Contents: Sendable {
        var snapshot: Snapshot?
        var orders: [Order] = []
    }

    private let contents = Mutex(Contents())
    /// Readable while there is something to take.
    let event: EventDescriptor

    init() throws(SystemError) { event = try EventDescriptor() }

    deinit {
        for order in contents.withLock({ $0.orders }) {
            switch order {
            case .serve(let raw, _), .serveStream(let raw, _): close(raw)
            case .release, .use, .stop: break
            }
        }
    }

    func publish(_ snapshot: Snapshot) {
        contents.withLock { $0.snapshot = snapshot }
        event.signal()
    }

    func order(_ order: Order) {
        contents.withLock { $0.orders.append(order) }
        event.signal()
    }

    func take() -> Contents {
        event.clear()
        return contents.withLock { contents in
            let taken = contents
            contents = Contents()
            return taken
        }
    }
}
