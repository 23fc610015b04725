internal import ArgumentParser
internal import Foundation
internal import MeshLab

@main
struct LabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "myelin-lab", abstract: "Nodes of a mesh in namespaces of this machine, with the platform's twelve services.",
        discussion: "Needs root. Everything it makes bears the laboratory's name and goes with `myelin-lab down`.",
        subcommands: [Up.self, Down.self, List.self, Run.self, Shell.self, Demo.self])

    /// The laboratory's name when none is given.
    static let defaultName = "lab"
}

struct LabName: ParsableArguments {
    @Argument(help: "The laboratory's name: lower-case letters and digits.")
    var name = LabCommand.defaultName
}

struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Raise two nodes and twelve services.")
    @OptionGroup var lab: LabName
    @Flag(help: "Do not start the daemons: the plain network, as it is without a mesh.")
    var plain = false

    func run() throws {
        let raised = try Lab.raise(.microDAO, name: lab.name)
        // A laboratory whose daemons do not come up stays, so that one can look why.
        if !plain { try raised.startDaemons() }
        for workload in raised.workloads {
            let place = workload.isHost ? "host namespace" : "pod"
            print("\(workload.name) on \(workload.node) (\(place)): \(workload.ipv4), \(workload.ipv6) port \(workload.port)")
        }
        print("Files: \(raised.directory). Try: myelin-lab run --lab \(lab.name) rwa curl -s http://wallet:8081/")
    }
}

struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove a laboratory, whatever state it is in.")
    @OptionGroup var lab: LabName

    func run() throws { try Lab.lower(name: lab.name) }
}

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Name the laboratories that are up or left behind.")

    func run() { for name in Lab.list() { print(name) } }
}

/// Names a workload of a laboratory.
struct WorkloadChoice: ParsableArguments {
    @Option(help: "The laboratory.")
    var lab = LabCommand.defaultName
    @Argument(help: "The workload: a service's name, or with the instance's number: wallet-1.")
    var workload: String

    func find() throws -> (lab: Lab, workload: Workload) {
        let raised = try Lab.open(lab)
        guard let found = raised.workloads.first(where: { $0.name == workload || $0.service == workload }) else {
            throw ValidationError("no workload \(workload); there are: \(raised.workloads.map(\.name).joined(separator: ", "))")
        }
        return (raised, found)
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Execute a command as a workload: in its namespace, with its identity.")
    @OptionGroup var choice: WorkloadChoice
    @Argument(parsing: .captureForPassthrough, help: "The command and its arguments.")
    var command: [String]

    func run() throws {
        guard !command.isEmpty else { throw ValidationError("which command?") }
        let (lab, workload) = try choice.find()
        try lab.become(workload, command)
    }
}

struct Shell: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A shell in a workload.")
    @OptionGroup var choice: WorkloadChoice

    func run() throws {
        let (lab, workload) = try choice.find()
        try lab.become(workload, ["/bin/sh", "-i"])
    }
}
