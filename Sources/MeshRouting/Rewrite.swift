package import MeshProtocols

/// Another path and host than the caller asked for. The query stays.
package struct Rewrite: Hashable, Sendable {
    package enum Path: Hashable, Sendable {
        case kept
        case whole([UInt8])
        /// The start of the path. Both end in `/`, or neither.
        case prefix([UInt8], with: [UInt8])
    }

    package var path = Path.kept
    package var host: [UInt8]?

    package init() {}

    /// What stands in for a path must be one, without a query: nothing in it may be read in two ways.
    package static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.allSatisfy { ByteClass.isTarget($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "\\") }
            && !text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().dropLast().contains("")
            && !text.split(separator: "/").contains { $0 == "." || $0 == ".." }
    }

    package static func isHost(_ text: String) -> Bool {
        text.utf8.count <= 255 && Array(text.utf8).withUnsafeBytes { HostGrammar.isValid($0) }
    }

    /// Writes the target that the endpoint gets.
    ///
    /// - Parameter target: path and query as they came; empty stands for `/`. `*` stays.
    package func write(_ target: UnsafeRawBufferPointer, to writer: inout HeadWriter) {
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
        let path = UnsafeRawBufferPointer(rebasing: target[..<end])
        if path.isEmpty {
            withUnsafeBytes(of: UInt8(ascii: "/")) { write(path: $0, to: &writer) }
        } else if path.elementsEqual(CollectionOfOne(UInt8(ascii: "*"))) {
            writer.append(path)
        } else {
            write(path: path, to: &writer)
        }
        writer.append(UnsafeRawBufferPointer(rebasing: target[end...]))
    }

    private func write(path: UnsafeRawBufferPointer, to writer: inout HeadWriter) {
        switch self.path {
        case .kept: writer.append(path)
        case .whole(let other): writer.append(other)
        case .prefix(let old, let new):
            if path.starts(with: old) {
                writer.append(new)
                writer.append(UnsafeRawBufferPointer(rebasing: path[old.count...]))
            } else if old.count > 1, path.elementsEqual(old.dropLast()) {
                // A prefix that ends in `/` takes the path without it too.
                writer.append(new.count > 1 ? Array(new.dropLast()) : new)
            } else {
                writer.append(path)
            }
        }
    }
}

extension HeadWriter {
    /// Bytes that a policy prepared.
    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }
}
