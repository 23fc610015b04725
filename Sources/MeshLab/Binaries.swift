internal import Foundation

/// The programs under test.
package struct Binaries: Codable, Sendable {
    package var daemon: String
    package var control: String
    /// The directory of the kernel programs.
    package var objects: String

    /// The load generator, which lies beside the daemon.
    package var load: String { URL(fileURLWithPath: daemon).deletingLastPathComponent().path + "/myelin-load" }

    package init(daemon: String, control: String, objects: String) {
        self.daemon = daemon
        self.control = control
        self.objects = objects
    }

    /// What lies in `directory`, where the build puts them all.
    package init(directory: String) {
        self.init(daemon: directory + "/myelind", control: directory + "/myelinctl", objects: directory)
    }

    /// Beside the running executable; `MYELIN_BINARIES` and `MYELIN_OBJECTS` name other directories.
    package static func beside() -> Binaries {
        let environment = ProcessInfo.processInfo.environment
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/usr/bin/myelin-lab"
        var directory = URL(fileURLWithPath: own).deletingLastPathComponent()
        // A test bundle's executable may lie in the bundle.
        while directory.pathExtension == "xctest" || directory.lastPathComponent == "MacOS" { directory.deleteLastPathComponent() }
        var binaries = Binaries(directory: environment["MYELIN_BINARIES"] ?? directory.path)
        if let objects = environment["MYELIN_OBJECTS"] { binaries.objects = objects }
        return binaries
    }
}
