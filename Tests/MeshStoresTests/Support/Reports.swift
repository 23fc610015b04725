import MeshRegistry
import MeshTypes

/// What a source said, in order.
actor Reports {
    struct NotSeen: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var all: [SourceReport] = []

    /// Runs `source` for as long as `body` takes.
    static func of<Result>(_ source: some RegistrySource, _ body: (Reports) async throws -> Result) async throws -> Result {
        let reports = Reports()
        let running = Task { await source.run { await reports.take($0) } }
        do {
            let result = try await body(reports)
            running.cancel()
            await running.value
            return result
        } catch {
            running.cancel()
            await running.value
            throw error
        }
    }

    private func take(_ report: SourceReport) { all.append(report) }

    var records: RegistryRecords? {
        for case .records(let records, _) in all.reversed() { return records }
        return nil
    }

    /// Of all reports that are no failures, from the first one that has any.
    var allRecords: ArraySlice<RegistryRecords> {
        let records: [RegistryRecords] = all.compactMap { if case .records(let records, _) = $0 { records } else { nil } }
        return records.drop { $0.isEmpty }
    }

    var note: SourceNote? {
        for case .records(_, let note) in all.reversed() { return note }
        return nil
    }

    /// That of the last report, if it was one.
    var failure: SourceFailure? {
        if case .failed(let failure)? = all.last { return failure }
        return nil
    }

    /// Waits until `condition` holds of what was said last.
    func wait(
        _ what: String, within limit: Duration = .seconds(10), _ condition: (RegistryRecords, SourceNote) -> Bool
    ) async throws {
        try await wait(what, within: limit) { reports in
            guard case .records(let records, let note)? = reports.last else { return false }
            return condition(records, note)
        }
    }

    func waitForFailure(within limit: Duration = .seconds(10)) async throws -> SourceFailure {
        try await wait("a failure", within: limit) { reports in
            if case .failed? = reports.last { return true }
            return false
        }
        return failure!
    }

    private func wait(_ what: String, within limit: Duration, _ condition: ([SourceReport]) -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while !condition(all) {
            guard ContinuousClock.now < deadline else {
                throw NotSeen(description: "\(what); the last of \(all.count) is \(all.last as Any)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

extension RegistryRecords {
    /// `service address` of each endpoint, in order.
    var endpoints: [String] {
        services.flatMap { service in
            service.endpoints.map { "\(service.identity.name) \(SocketAddress(ip: $0.address, port: $0.port ?? service.port))" }
        }.sorted()
    }
}
