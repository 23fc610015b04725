internal import Foundation
internal import Glibc

/// Reads the bytes of a document within its bound.
enum DocumentBytes {
    /// - Returns: the text of a regular file of at most `limit` bytes, valid UTF-8 without NUL.
    static func read(_ file: String, limit: Int) throws(DocumentError) -> String {
        // A pipe or a device must not block the daemon.
        let descriptor = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(file, code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(file, code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw DocumentError(file: file, message: "is not a regular file", suggestion: "name a file here")
        }
        let bytes: [UInt8]
        do {
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
            bytes = try [UInt8](handle.read(upToCount: limit + 1) ?? Data())
        } catch {
            throw DocumentError(file: file, message: "cannot be read: \(error)")
        }
        return try text(bytes, file: file, limit: limit)
    }

    static func text(_ bytes: [UInt8], file: String, limit: Int) throws(DocumentError) -> String {
        guard bytes.count <= limit else {
            throw DocumentError(file: file, message: "is larger than \(limit) bytes", suggestion: "split it into several files")
        }
        if let place = bytes.firstIndex(of: 0) {
            throw at(place, of: bytes, file: file, "holds a NUL byte", "save the file as plain text")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw at(validPrefix(of: bytes), of: bytes, file: file, "is not UTF-8", "save the file in UTF-8")
        }
        return text
    }

    private static func unreadable(_ file: String, code: Int32) -> DocumentError {
        DocumentError(
            file: file, message: "cannot be read: \(String(cString: strerror(code)))",
            suggestion: code == ENOENT ? "create it, or correct the path" : "see its owner and mode")
    }

    private static func at(_ offset: Int, of bytes: [UInt8], file: String, _ message: String, _ advice: String) -> DocumentError {
        let before = bytes[..<offset]
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        return DocumentError(file: file, line: line, column: offset - start + 1, message: message, suggestion: advice)
    }

    /// The offset of the first byte that is not part of valid UTF-8.
    private static func validPrefix(of bytes: [UInt8]) -> Int {
        var decoder = UTF8()
        var source = bytes.makeIterator()
        var offset = 0
        while case .scalarValue(let scalar) = decoder.decode(&source) { offset += UTF8.width(scalar) }
        return offset
    }
}
