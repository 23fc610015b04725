internal import Foundation
internal import Glibc

/// The documents of a directory, or one file.
package enum DocumentDirectory {
    /// More files than this in one directory are refused.
    package static let maximumFiles = 10_000

    /// - Parameter extensions: with the dot.
    /// - Returns: paths in order of name. Hidden files (editors', and the `..data` of a mounted ConfigMap) are not among them; entries
    ///   that are symbolic links are.
    package static func files(in path: String, extensions: [String]) throws(DocumentErrors) -> [String] {
        var status = stat()
        guard stat(path, &status) == 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [path] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw unreadable(path, "\(error.localizedDescription)")
        }
        let wanted = names.filter { name in !name.hasPrefix(".") && extensions.contains { name.hasSuffix($0) } }
        guard wanted.count <= maximumFiles else {
            throw DocumentErrors([
                DocumentError(file: path, message: "holds more than \(maximumFiles) files", suggestion: "put several records into one file")
            ])
        }
        return wanted.sorted().map { path + "/" + $0 }
    }

    private static func unreadable(_ path: String, _ reason: String) -> DocumentErrors {
        DocumentErrors([
            DocumentError(
                file: path, message: "cannot be read: \(reason)", suggestion: "create it, or correct the path in the node's configuration")
        ])
    }
}
