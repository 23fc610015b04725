import Foundation
import MeshConfig
import Testing

/// A directory of its own, removed with its owner.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "myelin-config-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String { try write(Data(text.utf8), to: name) }

    @discardableResult
    func write(_ data: Data, to name: String) throws -> String {
        let file = path + "/" + name
        try data.write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// The errors that `body` throws; fails when it throws none.
func errors(_ body: () throws(DocumentErrors) -> some Any) -> [DocumentError] {
    do throws(DocumentErrors) {
        _ = try body()
        Issue.record("no error was thrown")
        return []
    } catch { return error.errors }
}
