import Foundation

/// A thread for blocking calls of a test.
enum TestThread {
    static func start(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.start()
    }
}
