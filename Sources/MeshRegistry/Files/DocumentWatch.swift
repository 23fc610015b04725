internal import Glibc
internal import MeshConfig

/// Notices when the files of a directory (or one file) change, by looking at them twice a second.
///
/// Looking, not inotify: it sees through the symbolic links of a mounted ConfigMap, and on every file system.
package struct DocumentWatch: Sendable {
    package static let interval = Duration.milliseconds(500)

    private let path: String
    private let extensions: [String]
    private let baseline: [FileState]

    /// What is there now counts as known: read the files after making the watch, and nothing in between is missed.
    package init(path: String, extensions: [String]) {
        self.path = path
        self.extensions = extensions
        baseline = Self.fingerprint(path, extensions)
    }

    /// Runs `changed` after each change that has settled for one interval, until cancelled; also when `hints` has an element.
    package func run(hints: AsyncStream<Void>, changed: @escaping @Sendable () async -> Void) async {
        var applied = baseline
        var seen = baseline
        let hinted = Task {
            for await _ in hints { await changed() }
        }
        defer { hinted.cancel() }
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.interval) } catch { return }
            let now = Self.fingerprint(path, extensions)
            if now != applied, now == seen {
                applied = now
                await changed()
            }
            seen = now
        }
    }

    private struct FileState: Equatable, Sendable {
        let path: String
        let inode: UInt64
        let size: Int64
        let seconds: Int
        let nanoseconds: Int
        let exists: Bool
    }

    private static func fingerprint(_ path: String, _ extensions: [String]) -> [FileState] {
        let files = (try? DocumentDirectory.files(in: path, extensions: extensions)) ?? []
        return files.map { file in
            var status = stat()
            // Follows links: the target of a swapped `..data` counts.
            let exists = stat(file, &status) == 0
            return FileState(
                path: file, inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
                nanoseconds: status.st_mtim.tv_nsec, exists: exists)
        }
    }
}
