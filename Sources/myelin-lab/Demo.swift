internal import ArgumentParser
internal import Foundation
internal import MeshLab

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Raise the mesh, try every call, read the wire; exit status 1 when anything is not as the specification says.")
    @OptionGroup var lab: LabName
    @Flag(help: "Leave the laboratory up; `myelin-lab down` removes it.")
    var keep = false
    @Flag(help: "Use the laboratory of that name that is up already, and leave it up.")
    var existing = false

    func run() throws {
        let raised = try existing ? Lab.open(lab.name) : Lab.raise(.microDAO, name: lab.name)
        defer { if !keep, !existing { try? raised.lower() } }
        if !existing { try raised.startDaemons() }
        let failures = try calls(raised) + wire(raised) + outsiders(raised)
        print(failures == 0 ? "\nAll as specified." : "\n\(failures) not as specified.")
        if failures > 0 { throw ExitCode(1) }
    }

    /// Every instance calls every other service; a table of the outcomes.
    private func calls(_ lab: Lab) throws -> Int {
        let services = lab.plan.topology.services
        print("Rows call columns: + answered, . refused, ! not as specified\n")
        print(String(repeating: " ", count: 22) + services.map { String($0.name.prefix(4)).padding(5) }.joined())
        var failures: [String] = []
        for caller in lab.workloads {
            var row = caller.name.padding(22)
            for callee in services {
                if callee.name == caller.service {
                    row += " ".padding(5)
                    continue
                }
                let result = try lab.curl(from: caller, "http://\(callee.name):\(callee.port)/")
                let answered = result.succeeded && result.output.contains(Workload.marker(callee.name))
                let expected = Topology.microDAOCalls[caller.service]?.contains(callee.name) == true
                row += (answered != expected ? "!" : answered ? "+" : ".").padding(5)
                if answered != expected { failures.append("\(caller.name) to \(callee.name): \(result.description.prefix(200))") }
            }
            print(row)
        }
        for failure in failures { print("NOT AS SPECIFIED: \(failure)") }
        return failures.count
    }

    /// Calls that cross the wire must not be readable on it; what a machine without a mesh sends must be, or the capture proves nothing.
    private func wire(_ lab: Lab) throws -> Int {
        let capture = try lab.capturePackets()
        let caller = lab.workload("messaging")
        let result = try lab.curl(from: caller, "http://storage:8088/")
        let plainMarker = "MYELIN-PLAINTEXT-CONTROL"
        let other = lab.nodes[1]
        _ = try lab.runOutside(
            lab.nodes[0], ["curl", "-s", "--max-time", "2", "-H", "X-Control: \(plainMarker)", "http://\(other.outsideIPv4):1/"])
        _ = try lab.runOutside(
            lab.nodes[0], ["sh", "-c", "echo \(plainMarker) | timeout 1 bash -c 'cat > /dev/udp/\(other.outsideIPv4)/9999'"])
        let bytes = capture.stop()
        let leaked = PacketCapture.contains(Workload.marker("storage"), in: bytes)
        let control = PacketCapture.contains(plainMarker, in: bytes)
        print(
            "\nWire between the nodes: \(bytes.count) bytes captured; answer of storage \(result.succeeded ? "received" : "MISSING"),",
            terminator: "")
        print(" readable on the wire: \(leaked ? "YES" : "no"); control sent in plain text seen: \(control ? "yes" : "NO")")
        return [!result.succeeded, leaked, !control].count { $0 }
    }

    /// Nobody without an identity gets an answer.
    private func outsiders(_ lab: Lab) throws -> Int {
        var failures = 0
        for workload in lab.workloads {
            for address in [workload.ipv4, "[\(workload.ipv6)]"] {
                let result = try lab.runOutside(
                    lab.nodes[0], ["curl", "-sS", "-g", "--max-time", "3", "http://\(address):\(workload.port)/"])
                guard result.output.contains("MYELIN-PLAINTEXT") else { continue }
                failures += 1
                print("NOT AS SPECIFIED: \(workload) answers an outsider on \(address)")
            }
        }
        print("Direct calls from a machine without a mesh: \(failures == 0 ? "all refused" : "\(failures) answered")")
        return failures
    }
}

extension String {
    /// Filled with spaces to `width`.
    fileprivate func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
