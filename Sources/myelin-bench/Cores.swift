import Foundation

/// Which cores do what: the proxies share one, load and server have others where there are any.
struct Cores {
    let proxy: Int
    let load: Int
    let server: Int

    /// Of the cores that this process may use, the last one is for the proxies.
    init() throws {
        let permitted = try Self.permitted()
        guard permitted.count >= 2, let last = permitted.last else {
            throw BenchFailure("at least two cores are needed: one for the proxies, one for load and server")
        }
        proxy = last
        load = permitted[permitted.count - 2]
        server = permitted.count >= 3 ? permitted[permitted.count - 3] : load
    }

    private static func permitted() throws -> [Int] {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") }) else { return [] }
        return line.dropFirst("Cpus_allowed_list:".count).split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
            guard let first = ends.first, let last = ends.last else { return [] }
            return Array(first...last)
        }
    }
}

/// Something without which the benchmark, or one contender, cannot run. The message says what.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
