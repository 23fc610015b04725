internal import MeshBPF
package import MeshConfig
internal import MeshRegistry

/// Closes what is to be closed before there is a daemon: run once at a boot, before anything that has a network.
package enum Closing {
    /// - Returns: a sentence for the log.
    package static func run(_ configuration: NodeConfiguration) throws(StartFailure) -> String {
        try DaemonDirectories.make(configuration.stateDirectory, mode: DaemonDirectories.privateMode)
        try DaemonDirectories.make(configuration.runDirectory, mode: DaemonDirectories.runMode)
        do throws(StartFailure) { return try close(configuration, while: DaemonLock(runDirectory: configuration.runDirectory)) } catch {
            guard error.code == "already_running" else { throw error }
            return "a daemon runs: it closes what is to be closed"
        }
    }

    /// - Parameter lock: held meanwhile, so that no daemon begins.
    private static func close(
        _ configuration: NodeConfiguration, while lock: borrowing DaemonLock
    ) throws(StartFailure) -> String {
        let mount = try NodeParts.cgroupMount()
        let memory = ClosedPaths(file: configuration.closedPathsFile)
        let paths = Set(memory.load() + registered(configuration))
        let options = try NodeParts.captureOptions(configuration, mount: mount)
        do throws(KernelError) {
            let capture = try Capture.attach(options)
            var cgroups = ClosedCgroups(capture: capture, root: mount, configured: configuration.capture.closed, memory: memory)
            var entries: [String: WorkloadEntry] = [:]
            for path in paths { entries[path] = capture.known(path: path) ?? .closed }
            try cgroups.enforce(entries, captured: Set(capture.workloads().keys))
            if let failure = capture.watchFailure { throw failure }
        } catch {
            throw StartFailure(code: "capture", what: error.operation + (error.log.isEmpty ? "" : "\n\(error.log)"), advice: error.advice)
        }
        return "closed until the daemon runs: \((configuration.capture.closed + paths.sorted()).joined(separator: ", "))"
    }

    /// Units that were enrolled while no daemon ran.
    private static func registered(_ configuration: NodeConfiguration) -> [String] {
        guard let directory = configuration.registry.files,
            let registry = try? RegistryTrial.load(directory, namespace: configuration.namespace, with: [])
        else { return [] }
        return registry.workloads(of: configuration.node.name).map(\.cgroup)
    }
}

extension NodeConfiguration {
    /// Where the daemon leaves the paths of its workloads for the next boot.
    var closedPathsFile: String { stateDirectory + "/closed-cgroups" }
}
