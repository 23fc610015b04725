internal import Foundation
internal import Glibc
internal import MeshRegistry

/// Writes and removes the files of enrolled units, and tells systemd.
enum UnitFiles {
    enum Change: String { case written, unchanged, removed }

    static func write(_ file: PlannedFile) throws -> Change {
        if let old = FileManager.default.contents(atPath: file.path), old == Data(file.text.utf8) { return .unchanged }
        let url = URL(fileURLWithPath: file.path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(file.text.utf8).write(to: url, options: .atomic)
        chmod(file.path, 0o644)
        return .written
    }

    /// A drop-in's directory goes with its last file.
    static func remove(_ path: String) throws -> Change {
        guard FileManager.default.fileExists(atPath: path) else { return .unchanged }
        try FileManager.default.removeItem(atPath: path)
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        if directory.hasSuffix(".d") { rmdir(directory) }
        return .removed
    }

    /// Units that have a drop-in of ours.
    static func enrolled(in directory: String) -> [UnitName] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(".d") }.compactMap { UnitName(String($0.dropLast(2))) }
            .filter { FileManager.default.fileExists(atPath: EnrolmentPlan.dropInFile($0, directory)) }
            .sorted { $0.text < $1.text }
    }

    /// What systemctl prints.
    static func systemctl(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/systemctl")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        do { try process.run() } catch {
            throw EnrolmentRefusal("systemctl cannot be run: \(error.localizedDescription)", "is this a machine with systemd?")
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw EnrolmentRefusal("systemctl \(arguments.joined(separator: " ")) failed", "see above")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
