import Foundation

/// A directory of this test run, removed with the process's temporary files.
enum Scratch {
    static func directory() throws -> String {
        let url = FileManager.default.temporaryDirectory.appending(path: "myelin-dataplane-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: url.path)
        return url.path
    }
}
