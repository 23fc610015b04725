internal import Foundation

extension Lab {
    /// Removes all that bears the laboratory's name: processes, kernel programs, namespaces, cgroups, directories. It needs nothing but
    /// the name, may be repeated, and goes on after a failure; the first one is thrown at the end.
    package static func lower(name: String) throws(LabError) {
        let places = try LabPlaces(name)
        var failure: LabError?
        func attempt(_ body: () throws(LabError) -> Void) {
            do throws(LabError) { try body() } catch { failure = failure ?? error }
        }
        let tree = ControlGroupTree(places.cgroup)
        attempt { () throws(LabError) in try tree.killAll() }
        attempt { () throws(LabError) in try removeTree(places.pins) }
        for space in entries("/run/netns") where space.hasPrefix(places.prefix) {
            attempt { () throws(LabError) in try ChildProcess.script("ip netns del '\(space)'") }
        }
        for space in entries("/etc/netns") where space.hasPrefix(places.prefix) {
            attempt { () throws(LabError) in try removeTree("/etc/netns/" + space) }
        }
        attempt { () throws(LabError) in try tree.remove() }
        attempt { () throws(LabError) in try removeTree(places.directory) }
        // The roots go with the last laboratory; while another has them they are not empty and stay.
        for root in [LabPlaces.pinRoot, LabPlaces.runRoot, try LabPlaces.cgroupRoot()] { rmdir(root) }
        if let failure { throw failure }
    }

    private static func entries(_ directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }

    private static func removeTree(_ path: String) throws(LabError) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        do { try FileManager.default.removeItem(atPath: path) } catch { throw LabError("cannot remove \(path)", "\(error)") }
    }
}
