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

    /// How often `text` occurs in captured bytes.
    package static func count(_ text: String, in bytes: [UInt8]) -> Int {
        let (data, pattern) = (Data(bytes), Data(text.utf8))
        var count = 0
        var start = data.startIndex
        while let found = data.range(of: pattern, in: start..<data.endIndex) {
            count += 1
            start = found.upperBound
        }
        return count
    }

    /// TLS records of application data: content type 23, legacy version 3.3, a length that TLS allows (RFC 8446 §5.2).
    package static func applicationRecords(in bytes: [UInt8]) -> Int {
        let longest = 16384 + 256
        var count = 0
        for index in 0..<max(0, bytes.count - 5) where bytes[index] == 23 && bytes[index + 1] == 3 && bytes[index + 2] == 3 {
            let length = Int(bytes[index + 3]) << 8 | Int(bytes[index + 4])
            if length <= longest { count += 1 }
        }
        return count
    }
}
