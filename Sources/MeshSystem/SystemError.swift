internal import CLinux
internal import Glibc

/// A system call that failed: which one, on what, and why. The choke point of errno.
package struct SystemError: Error, Sendable, CustomStringConvertible {
    package let call: String
    package let code: Int32
    package let subject: String

    package init(_ call: String, code: Int32 = errno, subject: String = "") {
        self.call = call
        self.code = code
        self.subject = subject
    }

    package var description: String {
        let text = String(cString: strerror(code))
        return subject.isEmpty ? "\(call): \(text)" : "\(call) \(subject): \(text)"
    }
}

/// Runs `body` until it is not interrupted; throws what errno says when it returns -1.
@discardableResult
package func checked<Result: SignedInteger>(
    _ call: StaticString, on subject: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        if code != EINTR { throw SystemError("\(call)", code: code, subject: subject()) }
    }
}
