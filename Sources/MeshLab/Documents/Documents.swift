internal import Foundation

/// Files of the laboratory.
enum Documents {
    /// Replaces the file in one step: a reader sees the old or the new text.
    static func write(_ text: String, to path: String) throws(LabError) {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw LabError("cannot write \(path)", "\(error)")
        }
    }

    /// Attempts at a directory whose parent the lowering of another laboratory may just have removed.
    private static let attempts = 5

    static func makeDirectory(_ path: String, mode: Int = 0o755) throws(LabError) {
        for attempt in 1...attempts {
            do {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
                return
            } catch {
                if attempt == attempts { throw LabError("cannot make \(path)", "\(error)") }
            }
        }
    }
}
