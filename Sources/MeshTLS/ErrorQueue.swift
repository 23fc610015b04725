internal import COpenSSL

/// OpenSSL's queue of errors, one per thread. Only this module calls OpenSSL, so what stands in it is ours.
enum ErrorQueue {
    /// An entry: which part of OpenSSL, and its reason number.
    struct Entry {
        let library: Int32
        let reason: Int32
        let text: String
    }

    static func clear() { ERR_clear_error() }

    /// The earliest error, which is the cause of the others; the queue is empty afterwards.
    static func take() -> Entry? {
        let code = ERR_peek_error()
        ERR_clear_error()
        guard code != 0 else { return nil }
        let text = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
        return Entry(library: copenssl_error_library(code), reason: copenssl_error_reason(code), text: text)
    }

    /// The earliest error's text, for messages.
    static func takeText() -> String { take()?.text ?? "no reason given" }
}
