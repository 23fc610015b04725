internal import Foundation
internal import MeshLab

/// Calls that cross the wire must not be readable on it; what a machine without a mesh sends must be, or the capture proves nothing.
struct DemoWire {
    let lab: Lab
    private static let control = "MYELIN-PLAINTEXT-CONTROL"
    private static let calls = 20

    func run(_ tally: inout DemoTally) throws {
        heading("The wire between the nodes")
        let capture = try lab.capturePackets()
        for _ in 0..<Self.calls {
            let result = try lab.curl(from: lab.workload("messaging"), "http://storage:8088/")
            tally.count(result.output.contains(Workload.marker("storage")), "messaging to storage: \(result.description.prefix(200))")
        }
        try sendControl()
        let bytes = capture.stop()
        let leaked = PacketCapture.count("MYELIN-PLAINTEXT-MARKER", in: bytes)
        let records = PacketCapture.applicationRecords(in: bytes)
        let control = PacketCapture.contains(Self.control, in: bytes)
        print("\(Self.calls) calls, \(bytes.count) bytes captured: \(records) TLS application records, \(leaked) plaintext markers.")
        print("A control text that a machine without the mesh sent is \(control ? "" : "NOT ")seen in the same capture.")
        tally.count(leaked == 0, "plaintext on the wire")
        tally.count(records >= Self.calls, "only \(records) TLS records for \(Self.calls) calls")
        tally.count(control, "the capture did not see the control text: it proves nothing")
    }

    private func sendControl() throws {
        let other = lab.nodes[1].outsideIPv4
        _ = try lab.runOutside(
            lab.nodes[0], ["sh", "-c", "echo \(Self.control) | timeout 1 bash -c 'cat > /dev/udp/\(other)/9999'"])
    }
}
