internal import Foundation

/// tcpdump on the wire between the nodes.
package struct PacketCapture: Sendable {
    /// The pcap file; whole after `stop()`.
    package let file: String
    private let process: ChildProcess

    init(places: LabPlaces, filter: String) throws(LabError) {
        let name = UUID().uuidString
        file = "\(places.directory)/wire-\(name).pcap"
        let log = "\(places.directory)/wire-\(name).log"
        process = try ChildProcess(
            ["tcpdump", "-i", "br0", "-U", "--immediate-mode", "-B", "16384", "-n", "-s", "0", "-Z", "root", "-w", file]
                + (filter.isEmpty ? [] : [filter]),
            in: Placement(cgroup: places.tools, namespace: .networkOnly(places.wire)), log: log)
        let deadline = ContinuousClock.now + .seconds(5)
        while true {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            if text.contains("listening on") { return }
            if ContinuousClock.now > deadline || process.reap() != nil { throw LabError("tcpdump did not start", text) }
            usleep(ChildProcess.pollInterval)
        }
    }

    /// Ends the capture after the packets on their way have arrived (immediate mode: the kernel holds none back); the bytes of the file.
    package func stop() -> [UInt8] {
        usleep(200_000)
        process.signal(SIGINT)
        if process.wait(timeout: .seconds(5)) == nil { process.end() }
        return [UInt8](FileManager.default.contents(atPath: file) ?? Data())
    }

    /// Whether `text` occurs in captured bytes.
    package static func contains(_ text: String, in bytes: [UInt8]) -> Bool { Data(bytes).range(of: Data(text.utf8)) != nil }
}
