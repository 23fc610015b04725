internal import ArgumentParser
internal import Foundation
internal import MeshConfig
internal import MeshRegistry
internal import MeshTypes

/// Where the files are that enrolling reads and writes.
struct EnrolmentOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The node's configuration.", valueName: "file"))
    var config = "/etc/myelin/node.yaml"

    @Option(help: ArgumentHelp("Where drop-ins of units are written.", valueName: "directory"))
    var units = "/etc/systemd/system"

    @Flag(help: "Show what would be written or removed, and change nothing.")
    var dryRun = false

    func complain(_ sentence: String) {
        FileHandle.standardError.write(Data("myelinctl: \(VisibleText.plain(sentence, keepingLines: true))\n".utf8))
    }

    func unit(_ text: String) throws -> UnitName {
        guard let unit = UnitName(text) else {
            throw ValidationError("\(text) is no name of a service unit; write it as wallet.service, or wallet@1.service")
        }
        return unit
    }

    /// Runs `body`; what keeps it from succeeding ends the program with a sentence.
    func attempt(_ body: () throws -> Void) throws {
        do { try body() } catch let refusal as EnrolmentRefusal {
            complain("\(refusal)")
            throw ExitCode.found
        } catch let errors as DocumentErrors {
            complain("\(errors)")
            throw ExitCode.found
        } catch let error as CocoaError {
            complain("\(error.localizedDescription); are you root?")
            throw ExitCode.found
        }
    }

    func reload() throws {
        if !dryRun { _ = try UnitFiles.systemctl(["daemon-reload"]) }
    }
}

struct EnrolCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enrol", abstract: "Makes a systemd unit of this node a service of the mesh.",
        discussion: """
            Writes a record into the registry (who its processes are, and where it is called) and a drop-in of the unit (it starts after the \
            daemon, and waits until it is captured). A unit that runs is captured at once. Doing it twice changes nothing.
            """)

    @Argument(help: "The unit, as wallet.service.") var unit: String
    @Option(help: "The service that it is.") var service: String
    @Option(help: "The port on which it takes calls; not needed when the registry has the service already.") var port: UInt16?
    @Option(help: "auto, tcp, http, http2, grpc, postgres or nats.") var `protocol`: ApplicationProtocol?
    @Option(help: "The address at which it is called; the node's own unless said.") var address: String?
    @Flag(help: "Move it into meshed.slice, from its next start on.") var slice = false
    @Flag(inversion: .prefixedNo, help: "Have it wait at its start until it is captured.") var wait = true
    @Option(help: ArgumentHelp("A capability that it keeps, as NET_ADMIN; may be repeated.", valueName: "name"))
    var keepCapability: [String] = []
    @Flag(help: "Let it write cgroups: for a unit that manages its own.") var writableCgroups = false
    @OptionGroup var options: EnrolmentOptions

    func validate() throws {
        for name in keptCapabilities where !EnrolmentPlan.deniedCapabilities.contains(name) {
            throw ValidationError("\(name) is not taken away; one of \(EnrolmentPlan.deniedCapabilities.joined(separator: ", "))")
        }
    }

    private var keptCapabilities: Set<String> {
        Set(keepCapability.map { $0.uppercased() }.map { $0.hasPrefix("CAP_") ? String($0.dropFirst(4)) : $0 })
    }

    func run() throws {
        let unit = try options.unit(unit)
        try options.attempt {
            let plan = try plan(unit)
            for file in plan.files {
                if options.dryRun {
                    print("would write \(file.path):\n\(file.text)")
                } else {
                    print("\(try UnitFiles.write(file).rawValue): \(file.path)")
                }
            }
            try options.reload()
            for remark in plan.remarks { print("note: \(Readable.plain(remark))") }
        }
    }

    private func plan(_ unit: UnitName) throws -> EnrolmentPlan {
        let node = try NodeConfiguration.load(file: options.config)
        let directory = try node.registryDirectory
        let request = try request(unit, node)
        let known = try RegistryTrial.load(
            directory, namespace: node.namespace, with: [], without: [EnrolmentPlan.recordFile(unit, directory)])
        let facts = UnitFacts(
            try UnitFiles.systemctl(["show", "--property=" + UnitFacts.properties.joined(separator: ","), "--", unit.text]))
        let ownsNode = FileManager.default.fileExists(atPath: EnrolmentPlan.nodeFile(directory))
        let record = known.service(request.service)
        var place = EnrolmentPlace(
            node: node.node.name, address: node.node.address, zone: node.node.zone, region: node.node.region, tunnelPort: node.tunnel.port,
            registry: directory, unitDirectory: options.units, knowsNode: known.nodes[node.node.name] != nil && !ownsNode,
            knowsService: record != nil,
            hasEndpoint: record?.endpoints.contains { $0.locality.node == node.node.name } ?? false,
            hasPolicy: [".yaml", ".yml"].contains {
                FileManager.default.fileExists(atPath: "\(node.policy)/\(request.service.name)\($0)")
            })
        place.store = node.registry.stores.announced
        place.asksAuthority = !node.authority.servers.isEmpty
        let plan = try EnrolmentPlan(request, facts, place)
        _ = try RegistryTrial.load(
            directory, namespace: node.namespace, with: plan.files.filter { $0.path.hasPrefix(directory + "/") })
        return plan
    }

    private func request(_ unit: UnitName, _ node: NodeConfiguration) throws -> EnrolmentRequest {
        guard let name = ServiceName(service[...]) else {
            throw EnrolmentRefusal("\(service) is no name of a service", "use a DNS label: letters, digits and hyphens")
        }
        let ip = try address.map { text in
            guard let ip = IPAddress(text) else { throw EnrolmentRefusal("\(text) is no address", "write it as 10.0.0.1 or fd00::1") }
            return ip
        }
        var request = EnrolmentRequest(unit: unit, service: ServiceIdentity(namespace: node.namespace, name: name), port: port)
        request.protocolName = `protocol`?.rawValue
        request.address = ip
        request.movesToSlice = slice
        request.waits = wait
        request.keptCapabilities = keptCapabilities
        request.writesCgroups = writableCgroups
        return request
    }
}

extension ApplicationProtocol: ExpressibleByArgument {}
