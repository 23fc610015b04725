internal import Foundation
internal import Glibc
internal import Synchronization

/// Where access lines go.
package enum AccessLogOutput: Sendable, Equatable {
    case standardOutput
    /// Appended to; made with mode 0640.
    case file(String)
    case off
}

/// A file of whole lines. Failures are counted and remembered, never thrown: the data path goes on without a log.
///
/// One thread writes. The others only ask or tell, and never wait for a disk or for whoever reads the pipe.
final class LineFile: Sendable {
    /// How long a pipe or terminal may take nothing before the rest of a batch is dropped, in milliseconds.
    static let stallLimit: Int32 = 1000
    /// What a pipe that polls writable takes without blocking: PIPE_BUF (pipe(7)).
    private static let pipeChunk = 4096

    /// The writing thread's own; the lock is for the compiler and for `deinit`, nobody else takes it.
    private struct Writer {
        var descriptor: Int32 = -1
        var isStream = false
        /// The last write stopped inside a line.
        var isTorn = false
    }

    private let output: AccessLogOutput
    private let writer = Mutex(Writer())
    private let reopening = Atomic<Bool>(false)
    private let failureCount = Atomic<UInt64>(0)
    private let error = Mutex<String?>(nil)

    init(_ output: AccessLogOutput) { self.output = output }

    deinit { writer.withLock { Self.close(&$0) } }

    var isOn: Bool { output != .off }
    /// Batches that were not written, or not to their end.
    var failures: UInt64 { failureCount.load(ordering: .relaxed) }
    var lastError: String? { error.withLock { $0 } }

    /// From the next batch on, the file that the path names then.
    func reopen() { reopening.store(true, ordering: .relaxed) }

    /// One batch of whole lines, from one thread. A file that could not be opened is tried again with the next one.
    func write(_ lines: [UInt8]) {
        let code = writer.withLock { writer in
            let code = prepare(&writer)
            return code == 0 ? Self.write(lines, by: &writer) : code
        }
        if code != 0 { failureCount.add(1, ordering: .relaxed) }
        error.withLock { $0 = code == 0 ? nil : "the access log cannot be written: \(String(cString: strerror(code)))" }
    }

    /// - Returns: errno, 0 when the descriptor is ready.
    private func prepare(_ writer: inout Writer) -> Int32 {
        let isAskedToReopen = reopening.exchange(false, ordering: .relaxed)
        switch output {
        case .off: return EBADF
        case .standardOutput: writer.descriptor = STDOUT_FILENO
        case .file(let path):
            if isAskedToReopen { Self.close(&writer) }
            guard writer.descriptor < 0 else { return 0 }
            // Without O_NONBLOCK, opening a named pipe waits for its reader.
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o640)
            guard descriptor >= 0 else { return errno }
            writer = Writer(descriptor: descriptor)
        }
        var status = stat()
        guard fstat(writer.descriptor, &status) == 0 else { return errno }
        writer.isStream = status.st_mode & S_IFMT != S_IFREG
        return 0
    }

    private static func close(_ writer: inout Writer) {
        if writer.descriptor > STDERR_FILENO { Glibc.close(writer.descriptor) }
        writer = Writer()
    }

    /// - Returns: errno, 0 when all is written.
    private static func write(_ lines: [UInt8], by writer: inout Writer) -> Int32 {
        if writer.isTorn {
            // What stands there is half a line; it must not swallow the first of these.
            let code = writeAll([UInt8(ascii: "\n")], by: &writer)
            guard code == 0 else { return code }
        }
        return writeAll(lines, by: &writer)
    }

    private static func writeAll(_ lines: [UInt8], by writer: inout Writer) -> Int32 {
        lines.withUnsafeBytes { bytes in
            var offset = 0
            func fail(_ code: Int32) -> Int32 {
                if offset > 0 { writer.isTorn = bytes[offset - 1] != UInt8(ascii: "\n") }
                return code
            }
            while offset < bytes.count {
                if writer.isStream, !becomesWritable(writer.descriptor) { return fail(ETIMEDOUT) }
                let length = writer.isStream ? min(bytes.count - offset, pipeChunk) : bytes.count - offset
                let count = Glibc.write(writer.descriptor, bytes.baseAddress! + offset, length)
                if count < 0 {
                    if errno == EINTR || errno == EAGAIN { continue }
                    return fail(errno)
                }
                offset += count
            }
            writer.isTorn = false
            return 0
        }
    }

    private static func becomesWritable(_ descriptor: Int32) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&request, 1, stallLimit) > 0
    }
}
