internal import Foundation
package import Logging
internal import MeshTypes

/// The mesh log: one JSON object a line on standard error, for journald and Loki. When that is the journal, which `$JOURNAL_STREAM` tells,
/// each line begins with its priority (`<3>`, sd-daemon(3)); the journal takes it off.
///
/// Keys: `time` (RFC 3339, UTC), `level`, `logger`, `message`, and the metadata's own.
package struct JSONLogHandler: LogHandler {
    private let label: String
    private let prefixesPriority: Bool
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level

    package init(label: String, level: Logger.Level, prefixesPriority: Bool = JournalStream.isStandardError) {
        self.label = label
        self.prefixesPriority = prefixesPriority
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields: [String: String] = [:]
        for (key, value) in metadata { fields[key] = "\(value)" }
        for (key, value) in event.metadata ?? [:] { fields[key] = "\(value)" }
        if let error = event.error { fields["error"] = "\(error)" }
        fields["time"] = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        fields["level"] = event.level.rawValue
        fields["logger"] = label
        fields["message"] = "\(event.message)"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings always encode; one write keeps lines of several threads apart.
        guard let object = try? encoder.encode(fields) else { return }
        var line = prefixesPriority ? Data("<\(JournalStream.priority(of: event.level))>".utf8) : Data()
        line.append(contentsOf: VisibleText.json(document: String(decoding: object, as: UTF8.self)).utf8)
        line.append(UInt8(ascii: "\n"))
        try? FileHandle.standardError.write(contentsOf: line)
    }
}
