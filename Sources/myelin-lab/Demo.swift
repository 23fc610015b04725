internal import ArgumentParser
internal import Foundation
internal import MeshLab

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Raise the mesh, try every call, read the wire, show what becomes of requests, kill a daemon; exit status 1 when anything is not as the specification says."
    )
    @Argument(help: "The laboratory's name: lower-case letters and digits.")
    var name = "demo"
    @Flag(help: "Leave the laboratory up; `myelin-lab down demo` removes it.")
    var keep = false
    @Flag(help: "Use the laboratory of that name that is up already, and leave it up.")
    var existing = false

    func run() throws {
        if !existing, let status = try DemoGuard(lab: name).runGuarded() { throw ExitCode(status) }
        let lab = try existing ? Lab.open(name) : Lab.raise(.microDAO, name: name)
        defer { if !keep, !existing { try? lab.lower() } }
        if !existing { try lab.startDaemons() }
        var tally = DemoTally()
        heading("Two nodes in two zones, twelve services, unmodified programs")
        for node in lab.nodes {
            let names = lab.workloads.filter { $0.node == node.name }.map { $0.isHost ? "\($0.name) (host)" : $0.name }
            print("\(node.name) in \(node.zone), \(node.ipv4): \(names.joined(separator: ", "))")
        }
        try DemoMatrix(lab: lab).run(&tally)
        try DemoIdentity(lab: lab).run(&tally)
        try DemoWire(lab: lab).run(&tally)
        try DemoOutsiders(lab: lab).run(&tally)
        var scenes = DemoScenes(lab: lab)
        scenes.run()
        try DemoDeath(lab: lab).run(&tally)
        explore(lab)
        print("\n\(scenes.verdict)\(scenes.allHeld ? "" : ": the demonstration fails")")
        print("demo: \(tally.expected) of \(tally.total) calls as expected")
        if tally.expected != tally.total || !scenes.allHeld { throw ExitCode(1) }
    }

    private func explore(_ lab: Lab) {
        heading(keep || existing ? "Explore it" : "To explore: make demo KEEP=1, and then")
        let socket = lab.nodes[0].statusSocket
        let (control, tool) = (lab.binaries.control, CommandLine.arguments[0])
        for command in [
            "\(control) status --socket \(socket)", "\(control) flows --denied --socket \(socket)",
            "\(control) explain wallet messaging --socket \(socket)",
            "\(tool) run --lab \(name) rwa curl -s http://wallet:8081/", "\(tool) shell --lab \(name) messaging",
            "make demo-down",
        ] { print("  \(command)") }
    }
}

/// How many calls went as the specification says.
struct DemoTally {
    private(set) var expected = 0
    private(set) var total = 0

    /// - Returns: `ok`, for use in a condition.
    @discardableResult
    mutating func count(_ ok: Bool, _ complaint: @autoclosure () -> String) -> Bool {
        total += 1
        if ok { expected += 1 } else { print("NOT AS EXPECTED: \(complaint())") }
        return ok
    }
}

/// What was printed before reaches the reader now, also through a pipe.
func heading(_ text: String) {
    print("\n== \(text)")
    fflush(nil)
}

extension String {
    /// Filled with spaces to `width`.
    func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
