package import MeshSystem
internal import Synchronization

/// Messages from other threads to a worker, which waits on `descriptor` among its sockets.
package final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let event: EventDescriptor

    package init() throws(SystemError) { event = try EventDescriptor() }

    /// Readable while there are messages.
    package var descriptor: Int32 { event.raw }

    package func post(_ message: Message) {
        messages.withLock { $0.append(message) }
        event.signal()
    }

    /// All messages so far, in order.
    package func take() -> [Message] {
        event.clear()
        return messages.withLock { messages in
            defer { messages.removeAll() }
            return messages
        }
    }
}
