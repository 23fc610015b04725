package import Foundation
internal import MeshTypes

/// That an operator drained this node, over restarts and upgrades of the daemon: a file that is there while it drains.
package struct DrainMark: Sendable {
    private let file: String

    package init(file: String) { self.file = file }

    /// Since when the node drains; nil if it does not.
    package var since: Date? { (try? FileManager.default.attributesOfItem(atPath: file))?[.modificationDate] as? Date }

    /// - Throws: `notKept`.
    package func set(_ isDraining: Bool) throws(RegistrationFailure) {
        guard isDraining != (since != nil) else { return }
        let url = URL(fileURLWithPath: file)
        do {
            if isDraining {
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                try Data("`myelinctl drain node --undo` removes this file.\n".utf8).write(to: url, options: .atomic)
            } else {
                try FileManager.default.removeItem(at: url)
            }
        } catch {
            throw RegistrationFailure(
                .notKept, "cannot \(isDraining ? "write" : "remove") \(file): \(error.localizedDescription)",
                advice: "correct that: what was asked is in force, and the next daemon will not know it")
        }
    }
}
