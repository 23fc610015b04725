internal import ArgumentParser
internal import Foundation
internal import MeshConfig
internal import MeshRegistry

struct WithdrawCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Takes a systemd unit out of the mesh again.",
        discussion: "Removes what `myelinctl enrol` wrote. From then on the unit's traffic is that of any other process of the node.")

    @Argument(help: "The unit, as wallet.service.") var unit: String?
    @Flag(help: "All units that were enrolled.") var all = false
    @Flag(help: "Leave the records in the registry, for a later enrolment.") var keepRecords = false
    @OptionGroup var options: EnrolmentOptions

    func validate() throws {
        if (unit == nil) != all { throw ValidationError("name one unit, or write --all") }
    }

    func run() throws {
        let named = try unit.map { [try options.unit($0)] }
        try options.attempt {
            let units = named ?? UnitFiles.enrolled(in: options.units)
            if units.isEmpty { return print("no unit is enrolled") }
            var paths = units.map { EnrolmentPlan.dropInFile($0, options.units) }
            if !keepRecords { paths += try records(of: units) }
            for path in paths {
                if options.dryRun {
                    if FileManager.default.fileExists(atPath: path) { print("would remove \(path)") }
                } else {
                    print("\(try UnitFiles.remove(path).rawValue): \(path)")
                }
            }
            try options.reload()
        }
    }

    /// Their records, and the node's own when no other unit needs it. Refused when others refer to them.
    private func records(of units: [UnitName]) throws -> [String] {
        let node = try NodeConfiguration.load(file: options.config)
        let directory = try node.registryDirectory
        var paths = units.map { EnrolmentPlan.recordFile($0, directory) }
        let present = try DocumentDirectory.files(in: directory, extensions: [".yaml"])
        let nodeFile = EnrolmentPlan.nodeFile(directory)
        let others = present.contains { path in
            let name = URL(fileURLWithPath: path).lastPathComponent
            return name.hasPrefix(EnrolmentPlan.recordPrefix) && path != nodeFile && !paths.contains(path)
        }
        if !others, present.contains(nodeFile),
            (try? RegistryTrial.load(directory, namespace: node.namespace, with: [], without: Set(paths + [nodeFile]))) != nil
        {
            paths.append(nodeFile)
        }
        _ = try RegistryTrial.load(directory, namespace: node.namespace, with: [], without: Set(paths))
        return paths
    }
}
