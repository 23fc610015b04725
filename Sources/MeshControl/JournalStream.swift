internal import Glibc
package import Logging

/// Whether this process writes to systemd's journal, and how that calls levels.
package enum JournalStream {
    /// `$JOURNAL_STREAM` names the device and inode of the journal's stream: standard error may have been redirected since (systemd.exec(5)).
    package static let isStandardError = isJournal(descriptor: STDERR_FILENO, stream: getenv("JOURNAL_STREAM").map { String(cString: $0) })

    package static func isJournal(descriptor: Int32, stream: String?) -> Bool {
        var status = stat()
        guard let parts = stream?.split(separator: ":"), parts.count == 2, fstat(descriptor, &status) == 0 else { return false }
        return UInt64(parts[0]) == UInt64(status.st_dev) && UInt64(parts[1]) == UInt64(status.st_ino)
    }

    /// syslog(3).
    package static func priority(of level: Logger.Level) -> Int32 {
        switch level {
        case .trace, .debug: LOG_DEBUG
        case .info: LOG_INFO
        case .notice: LOG_NOTICE
        case .warning: LOG_WARNING
        case .error: LOG_ERR
        case .critical: LOG_CRIT
        }
    }
}
