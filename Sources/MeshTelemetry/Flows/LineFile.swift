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
final class LineFile: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        var failures: UInt64 = 0
        var error: String?
    }

    private let output: AccessLogOutput
    private let state = Mutex(State())

    init(_ output: AccessLogOutput) { self.output = output }

    deinit { close() }

    var isOn: Bool { output != .off }
    var failures: UInt64 { state.withLock { $0.failures } }
    var lastError: String? { state.withLock { $0.error } }

    func reopen() { close() }

    private func close() {
        state.withLock { state in
            if state.descriptor >= 0 { Glibc.close(state.descriptor) }
            state.descriptor = -1
        }
    }

    /// One batch. A file that could not be opened is tried again with the next one.
    func write(_ lines: Data) {
        state.withLock { state in
            switch output {
            case .off: return
            case .standardOutput: report(Self.writeAll(lines, to: STDOUT_FILENO), in: &state)
            case .file(let path):
                if state.descriptor < 0 { state.descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640) }
                report(state.descriptor < 0 ? errno : Self.writeAll(lines, to: state.descriptor), in: &state)
            }
        }
    }

    private func report(_ code: Int32, in state: inout State) {
        guard code != 0 else {
            state.error = nil
            return
        }
        state.failures += 1
        state.error = "the access log cannot be written: \(String(cString: strerror(code)))"
    }

    /// - Returns: errno, 0 when all is written.
    private static func writeAll(_ data: Data, to descriptor: Int32) -> Int32 {
        data.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
                if count < 0 {
                    if errno == EINTR { continue }
                    return errno
                }
                offset += count
            }
            return 0
        }
    }
}
