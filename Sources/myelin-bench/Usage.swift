import Foundation

/// What a process has used so far, from /proc.
struct Usage {
    /// User and system time of all its threads.
    let cpu: Duration
    let residentBytes: Int

    init(of pids: [Int32]) {
        var ticks = 0
        var kilobytes = 0
        for pid in pids {
            let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
            // The name stands in parentheses and may hold spaces: fields are counted from the last one.
            let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
            if fields.count > 12 { ticks += (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) }
            let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
            if let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }) {
                kilobytes += line.split(separator: " ").compactMap { Int($0) }.first ?? 0
            }
        }
        cpu = .milliseconds(ticks * 1000 / Int(sysconf(Int32(_SC_CLK_TCK))))
        residentBytes = kilobytes * 1024
    }
}

extension Duration {
    var microseconds: Double {
        Double(components.seconds) * 1e6 + Double(components.attoseconds) / 1e12
    }
}
