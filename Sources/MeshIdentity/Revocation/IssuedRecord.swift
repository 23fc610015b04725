internal import Foundation
internal import MeshTypes

/// One certificate that was issued: kept until it ends, so that everything of a service or a node can be revoked.
struct IssuedRecord: Codable, Sendable, Equatable {
    let serial: String
    /// The URI name.
    let subject: String
    /// The node that asked for it.
    let node: String
    /// Seconds since the epoch.
    let notAfter: Int64

    enum CodingKeys: String, CodingKey {
        case serial, subject, node
        case notAfter = "not_after"
    }
}

/// `issued.jsonl`: one line per certificate that may still be valid.
enum IssuedJournal {
    static let file = "issued.jsonl"
    /// About 300,000 certificates.
    static let maximumBytes = 64 << 20
    /// Beyond this, what has ended is left out of a new file; the next time at twice the size of that.
    static let compactAt = 1 << 20

    static func line(_ record: IssuedRecord) throws(AuthorityFailure) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(record)) + [UInt8(ascii: "\n")]
        } catch { throw AuthorityFailure(.request, "a certificate cannot be recorded: \(error)", advice: "report it") }
    }

    /// - Parameter compacted: the file's size after it was last compacted.
    /// - Returns: the new value of it.
    static func append(
        _ record: IssuedRecord, in files: borrowing AuthorityDirectory, compacted: Int, now: Date
    ) throws(AuthorityFailure) -> Int {
        let size = try files.append(file, try line(record), mode: 0o600)
        guard size > max(compactAt, 2 * compacted) else { return compacted }
        let kept = try read(in: files).filter { $0.notAfter > Int64(now.timeIntervalSince1970) }
        var bytes: [UInt8] = []
        for record in kept { bytes += try line(record) }
        try files.write(file, bytes, mode: 0o600)
        guard bytes.count < maximumBytes else {
            throw AuthorityFailure(
                .full, "\(files.path)/\(file) holds \(kept.count) certificates that are still valid",
                advice: "use longer lifetimes, or several authorities under one root")
        }
        return bytes.count
    }

    /// A line that a crash cut short is left out: its certificate was never handed over.
    static func read(in files: borrowing AuthorityDirectory) throws(AuthorityFailure) -> [IssuedRecord] {
        guard let bytes = try PrivateFile.read("\(files.path)/\(file)", secret: true, limit: 2 * maximumBytes) else { return [] }
        let decoder = JSONDecoder()
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? decoder.decode(IssuedRecord.self, from: Data($0)) }
    }
}
